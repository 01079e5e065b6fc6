import type { Campaign } from './campaign.ts';
import { isOver } from '../time/schedule.ts';

/** What a schedule that was published will not do. */
export function scheduleWarnings({ trigger, timezone = 'UTC' }: Campaign, now: Date): string[] {
  if (trigger.type !== 'schedule' || !isOver(trigger, timezone, now)) return [];
  return [`trigger.at: ${trigger.at} is past; nobody enters by it`];
}
