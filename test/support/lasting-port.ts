import { randomInt } from 'node:crypto';
import { nextFreePort } from '../../embedded/free-port.ts';

/** A free port below those that the kernel gives away by itself, so that a server may leave it and find it free again. */
export const lastingPort = () => nextFreePort(10_000 + randomInt(20_000));
