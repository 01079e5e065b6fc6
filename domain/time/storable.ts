/** From the years 1000 to 9999, in UTC: drivers and clients read others each in their own way. */
const EARLIEST = new Date('1000-01-01T00:00:00Z');
export const LATEST = new Date('9999-12-31T23:59:59.999Z');

export const isStorableMoment = (moment: Date): boolean => moment >= EARLIEST && moment <= LATEST;

/** The nearest moment that can be stored: no date of a person's holds up what else concerns them. */
export const storable = (moment: Date): Date =>
  new Date(Math.min(Math.max(moment.getTime(), EARLIEST.getTime()), LATEST.getTime()));
