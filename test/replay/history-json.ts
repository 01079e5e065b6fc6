import { temporal } from '@temporalio/proto';

const { History } = temporal.api.history.v1;
export type History = temporal.api.history.v1.IHistory;

/**
 * A history as plain JSON: names of enums, bytes in base64, long numbers as text. The SDK's own `historyToJSON` needs protobufjs
 * to be installed once only, which npm does not do here.
 */
export const toJson = (history: History): object =>
  History.toObject(History.fromObject(history), { enums: String, bytes: String, longs: String });

export const fromJson = (json: object): History => History.fromObject(json);
