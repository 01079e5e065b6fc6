import type { AnyPgColumn, PgTable } from 'drizzle-orm/pg-core';
import { idempotency } from './schema/api-keys.ts';
import { deliveries, secrets, signingKeys } from './schema/deliveries.ts';
import { testSends } from './schema/test-sends.ts';

type SealedColumn = {
  table: PgTable;
  id: AnyPgColumn;
  column: AnyPgColumn;
  /** Where the value of a row stands, as the cipher binds it. Part of each stored ciphertext: never to be changed. */
  rowOf: (id: string) => string;
};

/** Every column whose values a cipher sealed: what is listed here is sealed anew after a change of the master key. */
export const sealed = {
  secret: { table: secrets, id: secrets.name, column: secrets.value, rowOf: (name) => `secrets/${name}` },
  signingKey: {
    table: signingKeys,
    id: signingKeys.id,
    column: signingKeys.secret,
    rowOf: (id) => `signing_keys/${id}`,
  },
  frozenRequest: {
    table: deliveries,
    id: deliveries.id,
    column: deliveries.frozen,
    rowOf: (delivery) => `deliveries/${delivery}/frozen`,
  },
  answer: {
    table: deliveries,
    id: deliveries.id,
    column: deliveries.answer,
    rowOf: (delivery) => `deliveries/${delivery}/answer`,
  },
  testJob: {
    table: testSends,
    id: testSends.id,
    column: testSends.job,
    rowOf: (test) => `test_sends/${test}/job`,
  },
  testOutcome: {
    table: testSends,
    id: testSends.id,
    column: testSends.outcome,
    rowOf: (test) => `test_sends/${test}/outcome`,
  },
  repeatable: {
    table: idempotency,
    id: idempotency.id,
    column: idempotency.answer,
    rowOf: (request) => `idempotency/${request}/answer`,
  },
} as const satisfies Record<string, SealedColumn>;
