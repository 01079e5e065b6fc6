/**
 * Workflow code may run on for as long as it does: ours ends with its plan. The bound of the SDK, 5 s, starts a thread for each call into a
 * workflow (80 µs, some 40 times a journey), takes a process that stood still (SIGSTOP, a paused machine) for a loop, and Node may crash
 * by cutting that off (nodejs/node#38503). The SDK has no type for the option, and takes none only with `patches/`.
 */
export const NO_LOOP_LIMIT = { isolateExecutionTimeout: undefined };
