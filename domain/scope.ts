import type { Json } from './json.ts';

type Fields = { [key: string]: Json };

/** An event as a template sees it: the fields of its data, `name` where the data has none. */
type ScopeEvent = { id: string; name: string; timestamp: Date | string; data: Fields };

export type ScopeInput = {
  person: { id: string; attributes: Fields };
  event?: ScopeEvent | null;
  /** Events that ended earlier waits, by step id. */
  events?: Record<string, ScopeEvent>;
  /** Data of a manual trigger. */
  trigger?: Json;
  campaign?: { id: string; name: string };
  journey?: { id: string };
  delivery?: { id: string };
  secrets?: Record<string, string>;
  /** Answers to earlier webhooks, by step id; `body` is parsed JSON, otherwise text. */
  responses?: Record<string, { body: Json; http: { status: number } }>;
  now: Date | string;
  /** IANA name or fixed offset; absent: UTC. */
  timezone?: string | null;
};

/** What templates and conditions read: plain JSON under the names of the docs, `now` as an ISO 8601 time in UTC. */
export type Scope = { now: string; timezone: string; secrets: Record<string, string>; [name: string]: Json };

/** Puts everything under its names; `user` and `parameter` are Leanplum's words for `customer` and `event`. */
export function buildScope(input: ScopeInput): Scope {
  const customer = { ...input.person.attributes, id: input.person.id };
  const { event, events, trigger, campaign, journey, delivery, secrets = {}, responses } = input;
  const scope: Scope = { now: iso(input.now), timezone: input.timezone ?? 'UTC', secrets, customer, user: customer };
  if (event) {
    scope.event = scope.parameter = fieldsOf(event);
    scope.event_id = event.id;
    scope.event_name = event.name;
    scope.event_timestamp = iso(event.timestamp);
  }
  if (events) scope.events = mapped(events, fieldsOf);
  if (trigger !== undefined && trigger !== null) scope.trigger = trigger;
  if (campaign) scope.campaign = { ...campaign };
  if (journey) scope.journey = { ...journey };
  if (delivery) scope.delivery = { ...delivery };
  if (responses)
    scope.responses = mapped(responses, ({ body, http }) => ({ ...answerFields(body), http: { ...http } }));
  return scope;
}

const fieldsOf = ({ name, data }: ScopeEvent): Fields => ({ name, ...data });

/** A body that is no object is read as `body`, so that `http` fits beside it. */
const answerFields = (body: Json): Fields =>
  typeof body === 'object' && body !== null && !Array.isArray(body) ? body : { body };

const mapped = <T>(record: Record<string, T>, view: (item: T) => Json): Fields =>
  Object.fromEntries(Object.entries(record).map(([key, item]) => [key, view(item)]));

const iso = (time: Date | string) => (typeof time === 'string' ? time : time.toISOString());
