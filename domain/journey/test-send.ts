import type { AttemptClass, Phase } from '../delivery/outcome.ts';
import type { SigningProfile } from '../delivery/signature.ts';
import type { ShownError } from '../request/shown-error.ts';
import type { Scope, ScopeInput } from '../scope.ts';
import { UNMAPPED, type MappingResult } from './map-answer.ts';
import type { FrozenRequest } from './render-delivery.ts';

/** A test that no worker has taken up for so long is never sent. */
export const PICK_UP_MS = 5_000;

/** What a worker may take beside the time of the request. */
export const HANDLING_MS = 5_000;

/** A webhook that is to be sent once, to be looked at: what a worker needs to know of it. */
export type TestJob = {
  request: FrozenRequest;
  signing: SigningProfile;
  timeoutMs: number;
  /** The templates of the response mapping; null where there is none. */
  attributes: Record<string, string> | null;
  person: ScopeInput['person'];
  /** What the mapping sees beside the answer; it reads no secrets. */
  scope: Scope;
};

/** What came of it, without secrets. `status` is null where no answer came. */
export type TestOutcome = {
  class: AttemptClass | 'unknown';
  status: number | null;
  headers: [string, string][];
  body: string;
  truncated: boolean;
  error: ShownError | null;
  durationMs: number | null;
  /** Milliseconds in each phase of the exchange. */
  phases: Partial<Record<Phase, number>> | null;
  /** What the answer would set. */
  mapping: MappingResult;
};

/** Of a test whose worker is gone: it is not sent again. */
export const LOST_TEST: TestOutcome = {
  class: 'unknown',
  status: null,
  headers: [],
  body: '',
  truncated: false,
  error: { code: 'worker_lost', message: 'The worker stopped during this test; the request may have arrived.' },
  durationMs: null,
  phases: null,
  mapping: UNMAPPED,
};
