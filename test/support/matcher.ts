import { randomBytes } from 'node:crypto';
import { createCompiledVersions } from '../../compiled-versions.ts';
import { createCipher } from '../../db/cipher.ts';
import type { Db } from '../../db/open.ts';
import { createMatcher, type MatchPerson } from '../../relay/match.ts';

/** Matches what waits for a person, as a relay does, where nothing sealed is read. */
export const matcherOf = (db: Db, now: () => Date = () => new Date()): MatchPerson =>
  createMatcher({ db, cipher: createCipher(randomBytes(32)), ...createCompiledVersions(), now });
