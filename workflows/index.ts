export { broadcast } from './broadcast.ts';
export { delivery } from './delivery.ts';
export { journey } from './journey.ts';
