export { delivery } from './delivery.ts';
export { journey } from './journey.ts';
export { resend } from './resend.ts';
