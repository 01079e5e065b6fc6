import type { Row } from './condition-cases.ts';
import type { Past } from './past.ts';

/** Bought for 40 in spring 2025 and for 120 a week ago, opened the app once, half an hour from now by a clock that is ahead. */
const buyer: Past = {
  events: [
    { name: 'purchase', at: '2025-03-31T12:00:00Z', data: { total: 40, items: [{ sku: 'A' }] } },
    { name: 'purchase', at: '2026-03-24T12:00:00Z', data: { total: 120, name: 'big one' } },
    { name: 'opened', at: '2026-03-31T12:30:00Z' },
  ],
  segments: ['gold', 'newsletter'],
  conversions: [
    { campaign: 'win-back', at: '2026-02-28T12:00:00Z' },
    { campaign: 'win-back', at: '2026-03-30T00:00:00Z' },
  ],
};

const row = (name: string, condition: Row[1], holds: boolean, customer: Row[2] = {}): Row => [
  name,
  condition,
  customer,
  holds,
  undefined,
  buyer,
];

/** `CASES_NOW` is a Tuesday, 12:00 in UTC and 14:00 in Paris. */
export const PAST_ROWS: Row[] = [
  // segment
  row('a member', { segment: 'gold' }, true),
  row('no member', { segment: 'silver' }, false),
  row('not a member', { not: { segment: 'silver' } }, true),
  row('a member with an attribute', { segment: 'gold', 'customer.plan': 'x' }, false, { plan: 'y' }),
  ['nobody is a member without a past', { segment: 'gold' }, {}, false],

  // performed
  row('performed means at least once', { performed: { event: 'purchase' } }, true),
  row('performed minds case', { performed: { event: 'Purchase' } }, false),
  row('never performed', { performed: { event: 'refund', count: { eq: 0 } } }, true),
  row('never is not of once', { performed: { event: 'purchase', count: { lt: 1 } } }, false),
  row('twice is at least twice', { performed: { event: 'purchase', count: { gte: 2 } } }, true),
  row('twice is not more than twice', { performed: { event: 'purchase', count: { gt: 2 } } }, false),
  row('twice is between', { performed: { event: 'purchase', count: { gt: 1, lte: 2, ne: 3 } } }, true),
  row('at least once, but not twice', { performed: { event: 'purchase', count: { gte: 1, ne: 2 } } }, false),
  row('at least no times always holds', { performed: { event: 'refund', count: { gte: 0 } } }, true),
  row('within counts back to the very moment', { performed: { event: 'purchase', within: '7d' } }, true),
  row('and not a second further', { performed: { event: 'purchase', within: '6d23h59m59s' } }, false),
  row('a year is a calendar year', { performed: { event: 'purchase', within: '1y', count: { eq: 2 } } }, true),
  row('and not 364 days', { performed: { event: 'purchase', within: '364d', count: { eq: 2 } } }, false),
  row('what a clock that is ahead sent counts', { performed: { event: 'opened', within: '1s' } }, true),
  row('where asks of the event', { performed: { event: 'purchase', where: { 'event.total': { gt: 100 } } } }, true),
  row('where of a list', { performed: { event: 'purchase', where: { 'event.items[0].sku': 'A' } } }, true),
  row(
    'where and within ask of the same event',
    { performed: { event: 'purchase', where: { 'event.total': { lt: 100 } }, within: '30d' } },
    false,
  ),
  row(
    'where counts what meets it',
    { performed: { event: 'purchase', where: { 'event.total': { gt: 10 } }, count: { eq: 2 } } },
    true,
  ),
  row('the name of an event', { performed: { event: 'purchase', where: { 'event.name': 'purchase' } } }, true),
  row('unless its data has one', { performed: { event: 'purchase', where: { 'event.name': 'big one' } } }, true),
  row(
    'what the data of an event lacks',
    { performed: { event: 'purchase', where: { 'event.items': { exists: false } }, count: { eq: 1 } } },
    true,
  ),
  row(
    'where may ask of the person',
    { performed: { event: 'purchase', where: { 'customer.plan': 'gold', 'event.total': 40 } } },
    true,
    { plan: 'gold' },
  ),
  row(
    'where may ask of their id',
    { performed: { event: 'purchase', where: { not: { 'customer.id': 'eve' } } } },
    false,
    { id: 'eve' },
  ),
  row('where may ask for segments', { performed: { event: 'opened', where: { segment: 'silver' } } }, false),
  row(
    'where may count other events, whose own data is asked then',
    {
      performed: {
        event: 'opened',
        where: { 'event.total': { exists: false }, performed: { event: 'purchase', where: { 'event.total': 120 } } },
      },
    },
    true,
  ),
  row('one of two', { or: [{ segment: 'silver' }, { performed: { event: 'opened' } }] }, true),
  [
    'the event at hand is not the one that is counted',
    { 'event.total': 1, performed: { event: 'purchase', where: { 'event.total': 120 } } },
    {},
    true,
    { total: 1 },
    buyer,
  ],

  // converted
  row('converted', { converted: { campaign: 'win-back' } }, true),
  row('converted by another campaign', { converted: { campaign: 'welcome' } }, false),
  row('converted twice', { converted: { campaign: 'win-back', count: { gte: 2 } } }, true),
  row(
    'converted within a calendar month',
    { converted: { campaign: 'win-back', within: '1mo', count: { eq: 2 } } },
    true,
  ),
  row('converted within two days', { converted: { campaign: 'win-back', within: '2d', count: { eq: 1 } } }, true),

  // now
  row('on a Tuesday', { now: { days: ['mon', 'tue'] } }, true),
  row('not on a Friday', { now: { days: ['fri'] } }, false),
  row('from the very minute', { now: { from: '12:00' } }, true),
  row('up to the very minute, not including', { now: { from: '09:00', to: '12:00' } }, false),
  row('up to the next', { now: { to: '12:01' } }, true),
  row('in a zone', { now: { from: '14:00', to: '14:01', timezone: 'Europe/Paris' } }, true),
  row('in a fixed offset', { now: { from: '05:00', to: '05:01', timezone: 'GMT-7' } }, true),
  row('in a zone where it is tomorrow', { now: { days: ['wed'], timezone: 'Pacific/Kiritimati' } }, true),
  row('over midnight, before it', { now: { days: ['tue'], from: '11:00', to: '01:00' } }, true),
  row('over midnight, neither before nor after', { now: { from: '22:00', to: '06:00' } }, false),
  row(
    'over midnight, after it: the day on which it began',
    { now: { days: ['tue'], from: '22:00', to: '06:00', timezone: 'Pacific/Kiritimati' } },
    true,
  ),
  row(
    'over midnight, after it: not the day that it is',
    { now: { days: ['wed'], from: '22:00', to: '06:00', timezone: 'Pacific/Kiritimati' } },
    false,
  ),
  row('where the person is', { now: { from: '17:30', to: '17:31', timezone: 'person' } }, true, {
    timezone: 'Asia/Kolkata',
  }),
  row('where the person is, by a fixed offset', { now: { from: '19:45', to: '19:46', timezone: 'person' } }, true, {
    timezone: '+07:45',
  }),
  row('and not where they are not', { now: { from: '12:00', to: '12:01', timezone: 'person' } }, false, {
    timezone: 'Asia/Kolkata',
  }),
  row(
    'who is nowhere is in the zone of the campaign',
    { now: { from: '12:00', to: '12:01', timezone: 'person' } },
    true,
  ),
  row(
    'and who is in no zone that there is',
    { not: { now: { from: '12:00', to: '12:01', timezone: 'person' } } },
    false,
    { timezone: 'Mars/Olympus' },
  ),
  row('and whose zone is no text', { now: { from: '12:00', to: '12:01', timezone: 'person' } }, true, { timezone: 7 }),
];
