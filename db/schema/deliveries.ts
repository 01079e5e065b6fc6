import { sql } from 'drizzle-orm';
import { bigint, boolean, index, integer, json, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { AttemptClass, Phase } from '../../domain/delivery/outcome.ts';
import type { Edited } from '../../domain/campaign/edit-webhook.ts';
import type { MappingResult } from '../../domain/journey/map-answer.ts';
import type { ShownRequest } from '../../domain/journey/render-delivery.ts';
import type { ShownError } from '../../domain/request/shown-error.ts';
import { bytes, createdAt, moment, updatedAt } from '../columns.ts';
import { journeys } from './journeys.ts';
import { people } from './people.ts';
import { sends } from './webhooks.ts';

export const DELIVERY_STATES = [
  'drafted',
  'approved',
  'queued',
  'attempted',
  'sent',
  'failed',
  'discarded',
  'skipped',
  'cancelled',
] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** Of a delivery that has not ended. */
export const OPEN_STATES: DeliveryState[] = ['drafted', 'approved', 'queued', 'attempted'];

/** Who did something: the key, and the name that its holder sent along. */
export type Actor = { key: string; actor: string | null };

/** What became of a draft; `by` is null where it expired, or its journey ended. */
export type Decision = { by: Actor | null; at: string; decision: 'approve' | 'discard'; reason: string | null };

/** One rendered request for one person. `frozen` is what is sent, encrypted and bound to this row; `request` is what is shown. */
export const deliveries = pgTable(
  'deliveries',
  {
    id: text('id').primaryKey(),
    personKey: text('person_key')
      .notNull()
      .references(() => people.key, { onDelete: 'cascade' }),
    journeyId: text('journey_id').references(() => journeys.id, { onDelete: 'cascade' }),
    campaignId: text('campaign_id'),
    stepId: text('step_id'),
    /** Of a send without a campaign: it has no journey, campaign and step then. */
    webhookId: text('webhook_id'),
    sendId: text('send_id').references(() => sends.id),
    /** Of the campaign, or of the stored webhook. */
    version: integer('version'),
    state: text('state').$type<DeliveryState>().notNull(),
    /** Raised each time that a draft is edited or rendered again. */
    revision: integer('revision').notNull().default(1),
    /** Scheme, host and port; null where rendering failed. */
    destination: text('destination'),
    /** The destination's host without its port, as lists may be asked for it; null where a secret has a part in it. */
    host: text('host'),
    frozen: bytes('frozen'),
    request: jsonb('request').$type<ShownRequest>(),
    /** What an operator wrote in the place of the step's request; `json`, so that keys of a body keep their order. */
    edited: json('edited').$type<Edited>(),
    missing: jsonb('missing').$type<string[]>().notNull(),
    mapping: jsonb('mapping').$type<MappingResult>().notNull(),
    /** The parts of the answer that later steps of this version name, encrypted and bound to this row. */
    answer: bytes('answer'),
    error: jsonb('error').$type<ShownError>(),
    /** When a draft is discarded if nobody has decided. */
    expiresAt: moment('expires_at'),
    decision: jsonb('decision').$type<Decision>(),
    /** Of one attempt. */
    timeoutMs: integer('timeout_ms').notNull(),
    firstAttemptAt: moment('first_attempt_at'),
    /** The person's number when the first attempt began: a wait behind it sees what came after, the answer's doing included. */
    position: bigint('position', { mode: 'number' }),
    nextAttemptAt: moment('next_attempt_at'),
    /** How long it has waited for its destination or its campaign since its first attempt: time that the retry policy does not count. */
    parkedMs: bigint('parked_ms', { mode: 'number' }).notNull().default(0),
    sentAt: moment('sent_at'),
    /** When a relay last asked Temporal for the workflow that it has without a journey. */
    checkedAt: moment('checked_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    uniqueIndex('deliveries_step').on(table.journeyId, table.stepId),
    index('deliveries_person').on(table.personKey, table.id),
    index('deliveries_campaign').on(table.campaignId, table.id),
    index('deliveries_webhook')
      .on(table.webhookId, table.id)
      .where(sql`webhook_id is not null`),
    index('deliveries_state').on(table.state, table.id),
    index('deliveries_expiry')
      .on(table.expiresAt)
      .where(sql`state = 'drafted'`),
    index('deliveries_host').on(table.host, table.id),
    index('deliveries_send')
      .on(table.sendId)
      .where(sql`send_id is not null`),
  ],
);

/** One HTTP exchange. Written as `started` before the request leaves; a killed worker leaves `unknown`, never nothing. */
export const attempts = pgTable(
  'attempts',
  {
    id: text('id').primaryKey(),
    deliveryId: text('delivery_id')
      .notNull()
      .references(() => deliveries.id, { onDelete: 'cascade' }),
    number: integer('number').notNull(),
    destination: text('destination').notNull(),
    /** An attempt that has not ended by then was lost with its worker. */
    inFlightUntil: moment('in_flight_until').notNull(),
    trigger: text('trigger').$type<'automatic' | 'manual'>().notNull(),
    class: text('class').$type<AttemptClass | 'started' | 'unknown'>().notNull(),
    startedAt: moment('started_at').notNull(),
    durationMs: integer('duration_ms'),
    /** Milliseconds in each phase of the exchange. */
    phases: jsonb('phases').$type<Partial<Record<Phase, number>>>(),
    status: integer('status'),
    error: jsonb('error').$type<ShownError>(),
    responseHeaders: jsonb('response_headers').$type<[string, string][]>(),
    responseBody: bytes('response_body'),
    truncated: boolean('truncated').notNull().default(false),
    nextAttemptAt: moment('next_attempt_at'),
  },
  (table) => [
    uniqueIndex('attempts_number').on(table.deliveryId, table.number),
    index('attempts_destination').on(table.destination, table.startedAt),
    index('attempts_in_flight')
      .on(table.destination)
      .where(sql`class = 'started'`),
  ],
);

/**
 * Keys that requests are signed with; each secret is sealed and bound to its row. The newest has no end; rotating sets
 * one to those before it.
 */
export const signingKeys = pgTable('signing_keys', {
  id: text('id').primaryKey(),
  secret: bytes('secret').notNull(),
  activeFrom: moment('active_from').notNull(),
  retiresAt: moment('retires_at'),
});

/** Values that templates may use and nobody can read back; each ciphertext is bound to its name. */
export const secrets = pgTable('secrets', {
  name: text('name').primaryKey(),
  value: bytes('value').notNull(),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});
