import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import {
  ageOf,
  list,
  masterKeyOf,
  networkOf,
  originOf,
  parsed,
  portSchema,
  postgresUrlOf,
  switchOf,
} from './config-values.ts';
import { parseDurationMs } from './domain/input/duration.ts';
import { HooklineError } from './domain/errors.ts';
import type { InputFault } from './domain/errors.ts';

/** The environment of this process. No other file reads `process.env`; entry files hand this to the functions below. */
export const environment: NodeJS.ProcessEnv = process.env;

type Key = {
  /** The variable. */
  name: string;
  /** One sentence for the table in the documentation. */
  doc: string;
  /** A value that works, shown when one is wrong or missing. */
  example: string;
  /** The text that is parsed where the variable is not set. Without it the field is undefined then. */
  default?: string;
  /** The API and the worker do not start without it; `npm start` makes one itself. */
  required?: true;
  /** Never shown in messages. */
  secret?: true;
  /** Set by `npm start` for its own processes: left out of the documentation. */
  internal?: true;
  schema: z.ZodType<unknown, string>;
};

/** Every variable that Hookline reads, by the field of {@link Config} that holds its parsed value. */
export const keys = {
  port: {
    name: 'PORT',
    doc: 'The port of the API. `npm start` takes the next free one where it is not set.',
    example: '3000',
    default: '3000',
    schema: portSchema,
  },
  workerPort: {
    name: 'HOOKLINE_WORKER_PORT',
    doc: 'The port where the worker answers `/healthz` and `/readyz`. Without it there is none.',
    example: '3001',
    schema: portSchema,
  },
  dataDir: {
    name: 'HOOKLINE_DATA_DIR',
    doc: 'The folder of the embedded servers and of the development keys.',
    example: '.hookline',
    default: '.hookline',
    schema: z.string(),
  },
  adminKey: {
    name: 'HOOKLINE_ADMIN_KEY',
    doc: 'The first admin API key. `npm start` makes one.',
    example: 'a-long-random-text-of-your-own',
    required: true,
    secret: true,
    schema: z.string().regex(/^[\x21-\x7e]{16,}$/, 'write 16 or more printable ASCII characters without spaces'),
  },
  masterKey: {
    name: 'HOOKLINE_MASTER_KEY',
    doc: 'Encrypts what is stored: 32 bytes in base64. `npm start` makes one.',
    example: 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=',
    required: true,
    secret: true,
    schema: parsed(masterKeyOf),
  },
  previousMasterKeys: {
    name: 'HOOKLINE_PREVIOUS_MASTER_KEYS',
    doc: 'Earlier master keys, separated by commas: they open what was encrypted before the key was changed.',
    example: 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=',
    default: '',
    secret: true,
    schema: list(masterKeyOf),
  },
  allowHttp: {
    name: 'HOOKLINE_ALLOW_HTTP',
    doc: 'Whether webhooks may go to http:// addresses.',
    example: 'on',
    default: 'off',
    schema: parsed(switchOf),
  },
  allowNetworks: {
    name: 'HOOKLINE_ALLOW_NETWORKS',
    doc: 'Private networks that webhooks may reach, as addresses or CIDRs separated by commas.',
    example: '10.1.0.0/16, 192.168.7.9',
    default: '',
    schema: list(networkOf),
  },
  egressAddresses: {
    name: 'HOOKLINE_EGRESS_ADDRESSES',
    doc: 'The addresses that webhooks come from, as addresses or CIDRs separated by commas: `GET /v1/egress` tells them to receivers.',
    example: '203.0.113.7, 203.0.113.64/28',
    default: '',
    schema: list(networkOf),
  },
  workflowBundle: {
    name: 'HOOKLINE_WORKFLOW_BUNDLE',
    doc: 'A bundle of the workflows that was made ahead, so that a worker starts a second sooner.',
    example: '/tmp/workflow-bundle.js',
    internal: true,
    schema: z.string().min(1),
  },
  allowOrigin: {
    name: 'HOOKLINE_ALLOW_ORIGIN',
    doc: 'The one origin that webhooks may reach whatever the rules say: the request bin of `npm start`.',
    example: 'http://127.0.0.1:4311',
    internal: true,
    schema: parsed(originOf),
  },
  retryFirstDelayMs: {
    name: 'HOOKLINE_RETRY_FIRST_DELAY',
    doc: "The first retry's delay, from which the others double: for tests.",
    example: '10s',
    default: '10s',
    schema: parsed(parseDurationMs),
  },
  breaker: {
    name: 'HOOKLINE_BREAKER',
    doc: 'Whether destinations that fail are left alone for a while: `off` is for tests.',
    example: 'on',
    default: 'on',
    schema: parsed(switchOf),
  },
  retentionMs: {
    name: 'HOOKLINE_RETENTION',
    doc: 'How long ended journeys, attempts, bodies and changes of attributes are kept, at least 1d; `off`: for ever.',
    example: '90d',
    default: '90d',
    schema: parsed(ageOf('1d')),
  },
  eventRetentionMs: {
    name: 'HOOKLINE_EVENT_RETENTION',
    doc: 'How long events are kept, at least 28d: `performed` and the ids of events reach back so far; `off`: for ever.',
    example: '365d',
    default: 'off',
    schema: parsed(ageOf('28d')),
  },
  startsPerSecond: {
    name: 'HOOKLINE_STARTS_PER_SECOND',
    doc: 'How many journeys of broadcasts begin in a second at most, over all workers; events and decisions do not wait for them.',
    example: '200',
    default: '200',
    schema: z
      .string()
      .regex(/^[1-9]\d{0,5}$/, 'write a whole number from 1 to 999999')
      .transform(Number),
  },
  logLevel: {
    name: 'HOOKLINE_LOG_LEVEL',
    doc: 'The least level that is logged.',
    example: 'info',
    default: 'info',
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      error: 'write trace, debug, info, warn, error, fatal or silent',
    }),
  },
  databaseUrl: {
    name: 'DATABASE_URL',
    doc: 'Postgres 15 or newer. `npm start` runs one of its own where it is not set.',
    example: 'postgres://hookline:password@db.example.com:5432/hookline',
    required: true,
    secret: true,
    schema: parsed(postgresUrlOf),
  },
  temporalAddress: {
    name: 'TEMPORAL_ADDRESS',
    doc: "Temporal's frontend, with TEMPORAL_NAMESPACE, TEMPORAL_API_KEY and TEMPORAL_TLS* beside it. `npm start` runs one of its own where it is not set.",
    example: 'temporal.example.com:7233',
    schema: z.string().regex(/^[^\s/]+$/, 'write host and port without a scheme'),
  },
  temporalUiUrl: {
    name: 'HOOKLINE_TEMPORAL_UI_URL',
    doc: "The address of Temporal's Web UI, for the links from journeys. `npm start` sets it where it runs Temporal itself.",
    example: 'http://127.0.0.1:8233',
    schema: parsed(originOf),
  },
  taskQueue: {
    name: 'HOOKLINE_TASK_QUEUE',
    doc: "Temporal's task queue, for several copies of Hookline in one namespace.",
    example: 'hookline',
    default: 'hookline',
    schema: z.string().max(200, 'write at most 200 characters'),
  },
} as const satisfies Record<string, Key>;

type Keys = typeof keys;
type Present = { [F in keyof Keys]: Keys[F] extends { default: string } | { required: true } ? F : never }[keyof Keys];
type Made = { [F in keyof Keys]: Keys[F] extends { required: true } ? F : never }[keyof Keys];
type Values = { [F in keyof Keys]: z.output<Keys[F]['schema']> };

/** What the API and the worker are configured with: durations in milliseconds, master keys as 32 bytes, networks as CIDRs. */
export type Config = Pick<Values, Present> & Partial<Omit<Values, Present>>;

/** What `npm start` is configured with: it makes the keys and servers that are not given. */
export type StartConfig = Omit<Config, Made> & Partial<Pick<Config, Made>>;

/**
 * Parses the variables of `env`; an empty one counts as not set.
 * @throws HooklineError `config.invalid` that names each wrong or missing variable, what is wrong, and an example.
 */
export function loadConfig(env: NodeJS.ProcessEnv, role: 'start'): StartConfig;
export function loadConfig(env: NodeJS.ProcessEnv, role: 'server' | 'worker'): Config;
export function loadConfig(env: NodeJS.ProcessEnv, role: 'start' | 'server' | 'worker'): StartConfig {
  const values: Record<string, unknown> = {};
  const errors: InputFault[] = [];
  for (const [field, key] of Object.entries<Key>(keys)) {
    const given = env[key.name]?.trim() || undefined;
    const text = given ?? key.default;
    if (text === undefined) {
      if (key.required && role !== 'start')
        errors.push({
          path: key.name,
          message: `${key.name} is missing: set it, for example ${key.name}=${key.example}`,
        });
      continue;
    }
    const result = key.schema.safeParse(text);
    if (result.success) values[field] = result.data;
    else {
      const shown = key.secret ? 'is wrong' : `is ${JSON.stringify(text)}`;
      const why = result.error.issues.map((issue) => issue.message).join('; ');
      errors.push({ path: key.name, message: `${key.name} ${shown}: ${why}, for example ${key.name}=${key.example}` });
    }
  }
  if (errors.length > 0)
    throw new HooklineError('config.invalid', errors.map((fault) => fault.message).join('\n'), { errors });
  // The loop filled each field from its own schema, which the type system cannot follow.
  return values as StartConfig;
}

/** Whether the variable of `field` is set to something. */
export function isSet(env: NodeJS.ProcessEnv, field: keyof Keys): boolean {
  return Boolean(env[keys[field].name]?.trim());
}

/**
 * How to reach Temporal, from TEMPORAL_* and the user's `temporal.toml`, for `Connection.connect` and `NativeConnection.connect`.
 * The namespace is not part of the connection: pass it to Client and Worker.
 * @throws HooklineError `config.invalid` where TEMPORAL_TLS is no switch.
 */
export function loadTemporalConfig(env: NodeJS.ProcessEnv): ClientConnectConfig & { namespace: string } {
  const overrideEnvVars: Record<string, string> = {};
  for (const [name, value = ''] of Object.entries(env)) {
    // An empty one of these takes a header away that a profile sets.
    if (name.startsWith('TEMPORAL_GRPC_META_')) overrideEnvVars[name] = value;
    else if (value.trim()) overrideEnvVars[name] = name === 'TEMPORAL_TLS' ? temporalSwitch(value) : value.trim();
  }
  const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars });
  return { connectionOptions, namespace: namespace ?? 'default' };
}

/** Temporal's own reader takes what is neither `true` nor `1` for `false`, and sends all in plain text. */
function temporalSwitch(text: string): string {
  const result = parsed(switchOf).safeParse(text.trim());
  if (result.success) return String(result.data);
  const message = `TEMPORAL_TLS is ${JSON.stringify(text)}: write on or off, for example TEMPORAL_TLS=on`;
  throw new HooklineError('config.invalid', message, { errors: [{ path: 'TEMPORAL_TLS', message }] });
}

/** Where programs are looked for and kept: PATH's folders, TEMPORAL_CLI_PATH, and `$XDG_CACHE_HOME/hookline`. */
export type ToolPlaces = { path: string[]; cacheDir: string; temporalCliPath: string | undefined };

/** The {@link ToolPlaces} of `env`. */
export function loadToolPlaces(env: NodeJS.ProcessEnv): ToolPlaces {
  return {
    path: (env.PATH ?? '').split(':').filter(Boolean),
    cacheDir: join(env.XDG_CACHE_HOME?.trim() || join(env.HOME || homedir(), '.cache'), 'hookline'),
    temporalCliPath: env.TEMPORAL_CLI_PATH?.trim() || undefined,
  };
}
