import { describe, expect, it } from 'vitest';
import { isSet, keys, loadConfig, loadTemporalConfig, loadToolPlaces } from '../config.ts';
import { HooklineError } from '../domain/errors.ts';

const masterKey = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=';
const complete = {
  HOOKLINE_ADMIN_KEY: 'sixteen-or-more!',
  HOOKLINE_MASTER_KEY: masterKey,
  DATABASE_URL: 'postgres://user:pass@localhost/hookline',
};

function faultOf(env: NodeJS.ProcessEnv, role: 'server' | 'worker' = 'server'): HooklineError {
  try {
    loadConfig(env, role);
  } catch (error) {
    if (error instanceof HooklineError) return error;
  }
  throw new Error('it was accepted');
}

describe('loadConfig', () => {
  it('gives each field its default, parsed', () => {
    expect(loadConfig(complete, 'server')).toEqual({
      port: 3000,
      dataDir: '.hookline',
      adminKey: 'sixteen-or-more!',
      masterKey: Buffer.from(masterKey, 'base64'),
      previousMasterKeys: [],
      allowHttp: false,
      allowNetworks: [],
      egressAddresses: [],
      retryFirstDelayMs: 10_000,
      retentionMs: 90 * 86_400_000,
      eventRetentionMs: null,
      breaker: true,
      startsPerSecond: 200,
      logLevel: 'info',
      databaseUrl: 'postgres://user:pass@localhost/hookline',
      taskQueue: 'hookline',
    });
  });

  it('parses what is set and trims it', () => {
    const config = loadConfig(
      {
        ...complete,
        PORT: ' 8080\n',
        HOOKLINE_PREVIOUS_MASTER_KEYS: `${masterKey},${masterKey}`,
        HOOKLINE_ALLOW_NETWORKS: '10.0.0.0/8, 192.168.7.9 fd00::/8,::1',
        HOOKLINE_ALLOW_ORIGIN: 'http://127.0.0.1:4311',
        HOOKLINE_RETRY_FIRST_DELAY: '1m30s',
        TEMPORAL_ADDRESS: 'temporal:7233',
      },
      'worker',
    );
    expect(config).toMatchObject({
      port: 8080,
      previousMasterKeys: [Buffer.from(masterKey, 'base64'), Buffer.from(masterKey, 'base64')],
      allowNetworks: ['10.0.0.0/8', '192.168.7.9/32', 'fd00::/8', '::1/128'],
      allowOrigin: 'http://127.0.0.1:4311',
      retryFirstDelayMs: 90_000,
      temporalAddress: 'temporal:7233',
    });
  });

  it.each([
    ['on', true],
    ['True', true],
    ['1', true],
    ['yes', true],
    ['off', false],
    ['false', false],
    ['0', false],
    ['NO', false],
    ['', false],
  ])('reads the switch %j as %j', (text, expected) => {
    expect(loadConfig({ ...complete, HOOKLINE_ALLOW_HTTP: text }, 'server').allowHttp).toBe(expected);
  });

  it.each([
    ['HOOKLINE_RETENTION', '1d', { retentionMs: 86_400_000 }],
    ['HOOKLINE_RETENTION', 'off', { retentionMs: null }],
    ['HOOKLINE_EVENT_RETENTION', '28d', { eventRetentionMs: 28 * 86_400_000 }],
    ['HOOKLINE_EVENT_RETENTION', '4w1d', { eventRetentionMs: 29 * 86_400_000 }],
  ])('reads %s=%s', (name, value, expected) => {
    expect(loadConfig({ ...complete, [name]: value }, 'worker')).toMatchObject(expected);
  });

  it.each([
    'postgres://a:b@h1:5432,h2:5433/x?sslmode=require',
    'postgresql://db',
    'postgres:///x',
    'postgres://a:50%25@db/x',
    'postgres://a:b@db/x?target_session_attrs=primary',
  ])('takes the address %s', (url) => {
    expect(loadConfig({ ...complete, DATABASE_URL: url }, 'worker').databaseUrl).toBe(url);
  });

  it('needs keys and database for the API and the worker, and none for npm start', () => {
    for (const role of ['server', 'worker'] as const) {
      expect(faultOf({ HOOKLINE_ADMIN_KEY: ' ' }, role).errors.map((fault) => fault.path)).toEqual([
        'HOOKLINE_ADMIN_KEY',
        'HOOKLINE_MASTER_KEY',
        'DATABASE_URL',
      ]);
    }
    expect(loadConfig({}, 'start')).toMatchObject({ port: 3000 });
  });

  it('names every wrong variable at once, what is wrong, and an example', () => {
    const fault = faultOf({ ...complete, PORT: 'http', HOOKLINE_ALLOW_HTTP: 'perhaps', HOOKLINE_LOG_LEVEL: 'loud' });
    expect(fault.code).toBe('config.invalid');
    expect(fault.message.split('\n')).toEqual([
      'PORT is "http": write a whole number from 1 to 65535, for example PORT=3000',
      'HOOKLINE_ALLOW_HTTP is "perhaps": write on or off, for example HOOKLINE_ALLOW_HTTP=on',
      'HOOKLINE_LOG_LEVEL is "loud": write trace, debug, info, warn, error, fatal or silent, for example HOOKLINE_LOG_LEVEL=info',
    ]);
  });

  it.each([
    ['PORT', '0'],
    ['PORT', '70000'],
    ['HOOKLINE_ADMIN_KEY', 'fifteen-letters'],
    ['HOOKLINE_ADMIN_KEY', 'with a space in it'],
    ['HOOKLINE_MASTER_KEY', 'c2hvcnQ='],
    ['HOOKLINE_MASTER_KEY', `${masterKey}!`],
    ['HOOKLINE_PREVIOUS_MASTER_KEYS', `${masterKey},x`],
    ['HOOKLINE_ALLOW_NETWORKS', '10.0.0.0/33'],
    ['HOOKLINE_ALLOW_NETWORKS', 'localhost'],
    ['HOOKLINE_ALLOW_ORIGIN', 'http://127.0.0.1:4311/bin'],
    ['HOOKLINE_ALLOW_ORIGIN', 'ftp://127.0.0.1'],
    ['HOOKLINE_RETRY_FIRST_DELAY', '10'],
    ['HOOKLINE_STARTS_PER_SECOND', '0'],
    ['HOOKLINE_STARTS_PER_SECOND', '2.5'],
    ['HOOKLINE_RETENTION', '23h'],
    ['HOOKLINE_RETENTION', 'never'],
    ['HOOKLINE_EVENT_RETENTION', '27d'],
    ['HOOKLINE_EVENT_RETENTION', '1mo'],
    ['DATABASE_URL', 'mysql://localhost/hookline'],
    ['DATABASE_URL', 'postgres://'],
    ['DATABASE_URL', 'postgres://a:b@db:99999/x'],
    ['DATABASE_URL', 'postgres://a:b@[::1/x'],
    ['DATABASE_URL', 'postgres://a:50%ZZ@db/x'],
    ['DATABASE_URL', 'postgres://a:b@d%ZZ/x'],
    ['DATABASE_URL', 'postgres://a:b@h1,h2:99999/x'],
    ['DATABASE_URL', 'postgres://a:b@h1,h2:five/x'],
    ['DATABASE_URL', 'postgres://a:b@h1,:5432/x'],
    ['DATABASE_URL', 'postgres://a:b@db:0/x'],
    ['DATABASE_URL', 'postgres://a:b@[::1]:5432/x'],
    ['DATABASE_URL', 'postgres://a:b@%2Fvar%2Frun%2Fpostgresql/x'],
    ['DATABASE_URL', 'postgres://a:b@db/x?target_session_attrs=any'],
    ['DATABASE_URL', 'postgres:///x?host=/var/run/postgresql'],
    ['TEMPORAL_ADDRESS', 'https://temporal:7233'],
  ])('refuses %s=%s', (name, value) => {
    expect(faultOf({ ...complete, [name]: value }).errors).toMatchObject([{ path: name }]);
  });

  it.each(['hunter2', 'postgres://a:hunter2@d%ZZ/x', 'postgres://a:hunter2@db/x?host=/hunter2'])(
    'shows no secret, however wrong, such as %s',
    (url) => {
      const env = { HOOKLINE_ADMIN_KEY: 'hunter2', HOOKLINE_MASTER_KEY: 'hunter2', DATABASE_URL: url };
      expect(faultOf(env).message).not.toContain('hunter2');
    },
  );

  it('tells how to name the folder of a socket', () => {
    const url = 'postgres:///x?host=/var/run/postgresql';
    expect(faultOf({ ...complete, DATABASE_URL: url }).message).toContain('set PGHOST');
  });

  it.each([
    ['sslrootcert=/ca.pem', 'NODE_EXTRA_CA_CERTS'],
    ['sslrootcert=system', 'NODE_EXTRA_CA_CERTS'],
    ['sslcert=/mine.pem', 'use a password'],
    ['sslkey=/mine.key', 'use a password'],
    ['channel_binding=require', 'use sslmode=verify-full'],
  ])('refuses ?sslmode=verify-full&%s, and tells what to do instead', (parameter, remedy) => {
    const url = `postgres://a:b@db/x?sslmode=verify-full&${parameter}`;
    expect(faultOf({ ...complete, DATABASE_URL: url }).message).toContain(remedy);
  });

  it('has an example for each key that it accepts itself', () => {
    for (const key of Object.values(keys)) expect(key.schema.safeParse(key.example).success, key.name).toBe(true);
  });
});

describe('what else is read from the environment', () => {
  it('tells whether a variable is set', () => {
    expect([isSet({ PORT: '3000' }, 'port'), isSet({ PORT: ' ' }, 'port'), isSet({}, 'port')]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('reaches Temporal as TEMPORAL_* say, in the namespace default where none is named', () => {
    const env = { TEMPORAL_ADDRESS: 'temporal:7233', TEMPORAL_CONFIG_FILE: '/is/not/there' };
    expect(loadTemporalConfig(env)).toMatchObject({
      namespace: 'default',
      connectionOptions: { address: 'temporal:7233' },
    });
    const cloud = { ...env, TEMPORAL_NAMESPACE: 'mine', TEMPORAL_API_KEY: 'key' };
    expect(loadTemporalConfig(cloud)).toMatchObject({ namespace: 'mine', connectionOptions: { apiKey: 'key' } });
  });

  it('counts an empty TEMPORAL_* as not set, and trims the others', () => {
    const blank = { TEMPORAL_CONFIG_FILE: '/is/not/there', TEMPORAL_ADDRESS: '', TEMPORAL_NAMESPACE: ' ' };
    const env = { ...blank, TEMPORAL_API_KEY: '', TEMPORAL_TLS: '', TEMPORAL_TLS_SERVER_NAME: '' };
    expect(loadTemporalConfig(env)).toEqual({ namespace: 'default', connectionOptions: {} });
    expect(loadTemporalConfig({ ...env, TEMPORAL_API_KEY: 'key\n' })).toMatchObject({
      connectionOptions: { apiKey: 'key', tls: true },
    });
  });

  it.each([
    ['on', {}],
    ['1', {}],
    ['TRUE', {}],
    ['off', false],
    ['0', false],
    ['false', false],
  ])('reads TEMPORAL_TLS=%s', (text, tls) => {
    const env = { TEMPORAL_CONFIG_FILE: '/is/not/there', TEMPORAL_API_KEY: 'key', TEMPORAL_TLS: text };
    expect(loadTemporalConfig(env).connectionOptions.tls).toEqual(tls);
  });

  it('refuses a TEMPORAL_TLS that is no switch, rather than send the API key in plain text', () => {
    const message = 'TEMPORAL_TLS is "enabled": write on or off, for example TEMPORAL_TLS=on';
    expect(() => loadTemporalConfig({ TEMPORAL_API_KEY: 'key', TEMPORAL_TLS: 'enabled' })).toThrow(
      expect.objectContaining({ code: 'config.invalid', message }),
    );
  });

  it('keeps programs in XDG_CACHE_HOME or ~/.cache', () => {
    expect(loadToolPlaces({ XDG_CACHE_HOME: '/cache', PATH: '/a::/b' })).toMatchObject({
      cacheDir: '/cache/hookline',
      path: ['/a', '/b'],
    });
    expect(loadToolPlaces({ HOME: '/home/mary' }).cacheDir).toBe('/home/mary/.cache/hookline');
  });
});
