/** The moments that JavaScript and Postgres write, and read, alike. */
const EARLIEST = new Date('1000-01-01T00:00:00Z');
export const LATEST = new Date('9999-12-31T23:59:59.999Z');

/** The nearest moment that can be stored: no date of a person's holds up what else concerns them. */
export const storable = (moment: Date): Date =>
  new Date(Math.min(Math.max(moment.getTime(), EARLIEST.getTime()), LATEST.getTime()));
