import { z } from 'zod';
import { noQuery } from '../../schemas.ts';
import { customerioDialect } from './dialect.ts';

/** What all routes of Customer.io have in common. */
export const shared = { query: noQuery, dialect: customerioDialect };

/** Most calls answer nothing, and their client wants a 200. */
export const nothing = z.strictObject({}).meta({ id: 'CustomerioSuccess' });
