import { describe, expect, it } from 'vitest';
import { buildScope } from '../../domain/scope.ts';

const person = { id: 'p-1', attributes: { first_name: 'Ann', id: 'shadowed' } };
const timestamp = new Date('2026-01-01T00:00:00Z');

describe('the scope', () => {
  it('names everything that the docs name', () => {
    const scope = buildScope({
      person,
      event: { id: 'evt_1', name: 'purchase', timestamp, data: { amount: 5 } },
      events: { 'wait-1': { id: 'evt_2', name: 'reply', timestamp, data: { text: 'yes' } } },
      trigger: { reason: 'by hand' },
      campaign: { id: 'gold', name: 'Gold' },
      journey: { id: 'jrn_1' },
      delivery: { id: 'dlv_1' },
      secrets: { key: 's3cret-value' },
      responses: {
        lead: { body: { id: 7 }, http: { status: 201 } },
        ping: { body: 'pong', http: { status: 200 } },
      },
      now: new Date('2026-03-01T09:00:00Z'),
      timezone: 'Europe/Paris',
    });
    const customer = { first_name: 'Ann', id: 'p-1' };
    const event = { name: 'purchase', amount: 5 };
    expect(scope).toEqual({
      customer,
      user: customer,
      event,
      parameter: event,
      event_id: 'evt_1',
      event_name: 'purchase',
      event_timestamp: '2026-01-01T00:00:00.000Z',
      events: { 'wait-1': { name: 'reply', text: 'yes' } },
      trigger: { reason: 'by hand' },
      campaign: { id: 'gold', name: 'Gold' },
      journey: { id: 'jrn_1' },
      delivery: { id: 'dlv_1' },
      secrets: { key: 's3cret-value' },
      responses: { lead: { id: 7, http: { status: 201 } }, ping: { body: 'pong', http: { status: 200 } } },
      now: '2026-03-01T09:00:00.000Z',
      timezone: 'Europe/Paris',
    });
  });

  it('leaves out what there is not, and counts in UTC', () => {
    expect(buildScope({ person, event: null, trigger: null, now: '2026-03-01T09:00:00Z', timezone: null })).toEqual({
      customer: { first_name: 'Ann', id: 'p-1' },
      user: { first_name: 'Ann', id: 'p-1' },
      secrets: {},
      now: '2026-03-01T09:00:00Z',
      timezone: 'UTC',
    });
  });

  it('takes event.name from the data where the data has one, and event_name from the event', () => {
    const event = { id: 'evt_1', name: 'renamed', timestamp, data: { name: 'Ann' } };
    expect(buildScope({ person, event, now: timestamp })).toMatchObject({
      event: { name: 'Ann' },
      event_name: 'renamed',
    });
  });
});
