import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import type { Client, WorkflowHandleWithFirstExecutionRunId, WorkflowStartOptions } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, makeTelemetryFilterString, type NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { inject } from 'vitest';
import type { Parked } from '../../activities/admission.ts';
import type { Page } from '../../activities/enter-page.ts';
import type { Activities } from '../../activities/index.ts';
import { PLAN_VERSION, type Prepared, type Sent, type Wait } from '../../domain/walk.ts';
import { NO_LOOP_LIMIT } from '../../workflow-limits.ts';
import type { journey, JourneyInput } from '../../workflows/journey.ts';

type Call = { [Name in keyof Activities]: [name: Name, input: Parameters<Activities[Name]>[0]] }[keyof Activities];

type Answers = {
  prepared: Record<string, Prepared | (() => Promise<Prepared>)>;
  /** Sending succeeds at once where this says nothing else. `attempt` is Temporal's, from 1. */
  /** Where a wait stands each time that it is asked for; it has ended where this says nothing else. */
  endWait?: (step: string) => Promise<Wait>;
  send?: (attempt: number, workflowId: string) => Promise<Sent | Parked>;
  /** The next page of a broadcast. */
  enterPage?: () => Promise<Page>;
};

/** Activities that answer from literals and write down how they were called, in order. */
export function fakeActivities({ prepared, send, endWait, enterPage }: Answers): {
  activities: Activities;
  calls: Call[];
} {
  const calls: Call[] = [];
  const activities: Activities = {
    async prepare(input) {
      calls.push(['prepare', input]);
      const answer = prepared[input.step];
      if (!answer) throw new Error(`nobody expected step ${input.step}`);
      return typeof answer === 'function' ? answer() : answer;
    },
    async sendWebhook(input) {
      calls.push(['sendWebhook', input]);
      const { attempt, workflowExecution } = Context.current().info;
      if (send) return send(attempt, workflowExecution?.workflowId ?? '');
      return { state: 'sent', exit: false, detail: 'webhook sent' };
    },
    async endWait(input) {
      calls.push(['endWait', input]);
      return (await endWait?.(input.step)) ?? { until: null, ended: 'then' };
    },
    async exitJourney(input) {
      calls.push(['exitJourney', input]);
    },
    async cancelDelivery(input) {
      calls.push(['cancelDelivery', input]);
    },
    async endJourney(input) {
      calls.push(['endJourney', input]);
    },
    async enterPage(input) {
      calls.push(['enterPage', input]);
      const answer = enterPage?.();
      if (!answer) throw new Error('nobody expected a page');
      return answer;
    },
    async stopBroadcast(input) {
      calls.push(['stopBroadcast', input]);
    },
  };
  return { activities, calls };
}

/** Makes the SDK quiet; once in a test file, before anything else of Temporal. */
export function quietRuntime(): void {
  const filter = makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' });
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter } } });
}

/** A server whose clock jumps to the next timer while somebody awaits a result and no activity runs. */
export function startTimeSkipping(): Promise<TestWorkflowEnvironment> {
  quietRuntime();
  return TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: inject('testServerBinary') } },
  });
}

export type JourneyHandle = WorkflowHandleWithFirstExecutionRunId<typeof journey>;

type Options = {
  client: Client;
  connection: NativeConnection;
  activities: Activities;
  input: Pick<JourneyInput, 'plan'> & Partial<JourneyInput>;
  maxCachedWorkflows?: number;
  start?: Pick<WorkflowStartOptions, 'typedSearchAttributes' | 'memo'>;
};

/** Starts a journey on a worker of its own, which is there while `follow` runs. */
export async function runJourney<T>(options: Options, follow: (handle: JourneyHandle) => Promise<T>): Promise<T> {
  const taskQueue = `test-${randomUUID()}`;
  const worker = await Worker.create({
    connection: options.connection,
    taskQueue,
    workflowBundle: { codePath: inject('bundlePath') },
    activities: options.activities,
    maxCachedWorkflows: options.maxCachedWorkflows ?? 100,
    ...NO_LOOP_LIMIT,
  });
  return worker.runUntil(async () => {
    const handle = await options.client.workflow.start<typeof journey>('journey', {
      workflowId: `journey/jrn_${randomUUID()}/1`,
      taskQueue,
      args: [{ journey: 'jrn_1', planVersion: PLAN_VERSION, ...options.input }],
      ...options.start,
    });
    return follow(handle);
  });
}

/** The summaries that the Temporal UI shows beside the events of a history, in order. */
export async function summaries(handle: JourneyHandle): Promise<unknown[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(({ userMetadata }) =>
    userMetadata?.summary ? [defaultPayloadConverter.fromPayload(userMetadata.summary)] : [],
  );
}
