import { z } from 'zod';
import type { Cipher } from '../db/cipher.ts';
import type { Db } from '../db/open.ts';
import { changedAttributes, findPerson } from '../db/people.ts';
import { readSecrets } from '../db/secrets.ts';
import { findCampaign, findVersion } from '../db/campaigns.ts';
import type { Campaign } from '../domain/campaign/campaign.ts';
import { HooklineError, type InputFault } from '../domain/errors.ts';
import { summary } from '../domain/input/faults.ts';
import { SIMULATED } from '../domain/journey/simulation.ts';
import type { Json } from '../domain/json.ts';
import { standInSecrets } from '../domain/request/stand-ins.ts';
import { assertDataFits } from './body.ts';
import { clientId, fields, ordinal, time } from './schemas.ts';

/** What is published, for whom and on what occasion it is tried out. */
export const tryOutFields = {
  campaign: clientId.optional(),
  version: ordinal.optional(),
  person: clientId.optional(),
  customer: fields.optional(),
  event: z
    .strictObject({
      name: z.string().min(1).max(255).optional(),
      data: fields.default({}),
      timestamp: time.optional(),
    })
    .optional(),
  trigger: fields.optional(),
  now: time.optional(),
};

export type TryOut = z.infer<z.ZodObject<typeof tryOutFields>>;

/** The fault of a body that has not exactly one of the fields. */
export function oneOf(body: object, names: readonly string[]): InputFault[] {
  const given = names.filter((name) =>
    Object.entries(body).some(([key, value]) => key === name && value !== undefined),
  );
  return given.length === 1
    ? []
    : [{ path: '', message: `send exactly one of ${names.slice(0, -1).join(', ')} and ${names.at(-1)}` }];
}

export function refuseFaults(errors: InputFault[]): void {
  if (errors.length > 0) throw new HooklineError('input.invalid', summary('the input', errors), { errors });
}

/** Runs what judges a field of the body by itself, and puts the field's name in front of the places of its faults. */
export function judgedAt<T>(field: string, judge: () => T): T {
  try {
    return judge();
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    const errors = error.errors.map(({ path, message }) => ({
      path: path === '' ? field : `${field}.${path}`,
      message,
    }));
    throw new HooklineError(error.code, error.message, { errors, cause: error });
  }
}

/** A published version, the newest unless another is named. */
export async function readPublished(db: Db, id: string, asked: number | undefined) {
  const stored = await findCampaign(db, id);
  if (!stored) throw notPublished(`No campaign has the id "${id}".`);
  const version = asked ?? stored.version;
  const campaign = version === stored.version ? stored.definition : await findVersion(db, id, version);
  if (!campaign) throw notPublished(`Campaign ${id} has no version ${version}.`);
  return { campaign, version, state: stored.state };
}

const notPublished = (message: string) =>
  new HooklineError('campaigns.not_found', `${message} What is not published can be tried out too: send it.`);

export type Subject = { id: string; attributes: Record<string, Json>; key: string | null; suppressed: boolean };

const NOBODY = 'somebody';

/** The stored person, or somebody with the attributes that were sent: `key` is null then. */
export async function readSubject(db: Db, { person, customer = {} }: TryOut): Promise<Subject> {
  if (person === undefined) {
    const { id = NOBODY, ...attributes } = customer;
    refuseFaults(clientId.safeParse(id).success ? [] : [{ path: 'customer.id', message: 'write a text' }]);
    const named = { id: String(id), attributes };
    changedAttributes(named, {});
    return { ...named, key: null, suppressed: false };
  }
  const found = await findPerson(db, person);
  if (found) return found;
  throw new HooklineError('people.not_found', `No person has the id "${person}". Send customer for one made up.`);
}

/** What begins a journey that is tried out. */
export type Occasion = {
  event: { id: string; name: string; data: Record<string, Json>; timestamp: Date } | null;
  trigger: Record<string, Json> | null;
};

/** The event that begins a journey, as if it came now, or the data of a manual trigger. Throws `input.invalid` where it is not the trigger's. */
export function occasionOf(trigger: Campaign['trigger'], { event, trigger: data }: TryOut, now: Date): Occasion {
  if (event) judgedAt('event', () => assertDataFits(event.data));
  if (data) assertDataFits(data);
  switch (trigger.type) {
    case 'event': {
      const { name = trigger.event, data: sent = {}, timestamp = now } = event ?? {};
      refuseFaults([
        ...(name === trigger.event
          ? []
          : [{ path: 'event.name', message: `the campaign starts on "${trigger.event}"; leave the name out` }]),
        ...(data === undefined ? [] : [{ path: 'trigger', message: 'the campaign starts on an event; send event' }]),
      ]);
      return { event: { id: SIMULATED.event, name, data: sent, timestamp }, trigger: null };
    }
    case 'segment':
    case 'attribute':
    case 'date':
    case 'schedule': {
      const message = `the trigger ${trigger.type} has none; leave it out`;
      refuseFaults([...(event ? [{ path: 'event', message }] : []), ...(data ? [{ path: 'trigger', message }] : [])]);
      return { event: null, trigger: null };
    }
    case 'manual':
      refuseFaults(event ? [{ path: 'event', message: 'the campaign starts by hand; send trigger, its data' }] : []);
      return { event: null, trigger: data ?? {} };
  }
}

/** Secrets for what names them: the real ones for a published definition only, whose author may read them. */
export async function secretsFor(
  { db, cipher }: { db: Db; cipher: Cipher },
  definition: unknown,
  isPublished: boolean,
): Promise<Record<string, string>> {
  if (!JSON.stringify(definition).includes('secrets')) return {};
  const secrets = await readSecrets(db, cipher);
  return isPublished ? secrets : standInSecrets(secrets, definition);
}

export type SecretsFor = typeof secretsFor;

/** As `secretsFor`, for a request that goes elsewhere than its definition says: no template sees a secret. */
export const maskedSecrets: SecretsFor = async (dependencies, definition) => {
  const secrets = await secretsFor(dependencies, definition, true);
  return Object.fromEntries(Object.keys(secrets).map((name) => [name, '***']));
};
