import { expect, it } from 'vitest';
import { shownCause } from '../../api/shown-cause.ts';

it.each([
  ['event/order-17', { type: 'event', id: 'order-17' }],
  ['event/orders/17', { type: 'event', id: 'orders/17' }],
  ['broadcast/brd_1', { type: 'broadcast', id: 'brd_1' }],
  ['attribute/plan/12', { type: 'attribute', id: 'plan' }],
  ['attribute/a/b/-3', { type: 'attribute', id: 'a/b' }],
  ['segment/gold/enter/12', { type: 'segment', id: 'gold', change: 'enter' }],
  ['date/2026-03-01', { type: 'date', id: '2026-03-01' }],
  ['schedule/2026-03-01T09:00', { type: 'schedule', id: '2026-03-01T09:00', broadcast: 'brd_2' }],
])('the cause %s is shown in parts', (cause, shown) => {
  expect(shownCause({ cause, broadcastId: 'brd_2' })).toEqual(shown);
});
