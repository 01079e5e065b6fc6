import { defineSearchAttributeKey } from '@temporalio/common';

/** What the Temporal UI can look for. Values are ids and state words: nothing personal stands in Temporal. */
export const searchAttributes = {
  campaign: defineSearchAttributeKey('HooklineCampaign', 'KEYWORD'),
  person: defineSearchAttributeKey('HooklinePerson', 'KEYWORD'),
  state: defineSearchAttributeKey('HooklineState', 'KEYWORD'),
  step: defineSearchAttributeKey('HooklineStep', 'KEYWORD'),
};

/** By which a journey is found in the Temporal UI, whatever its state. Memo of one that shows them itself. */
export type Labels = { campaign: string; person: string };

export const labelAttributes = ({ campaign, person }: Labels) => [
  { key: searchAttributes.campaign, value: campaign },
  { key: searchAttributes.person, value: person },
];

/** Of a delivery that holds no journey, or of a resend: its id is that of the row. */
export const sendingWorkflowId = (type: 'delivery' | 'resend', id: string) => `${type}/${id}`;

export const journeyWorkflowId = (journey: string, run: number) => `journey/${journey}/${run}`;

/** The one signal, with an id: that delivery of the workflow may go on, that wait has changed, or that journey has ended. It only wakes; Postgres says what is to be done. */
export const WAKE_SIGNAL = 'wake';

/** What a journey is told of the wait at a step. */
export const waitSubject = (step: string) => `wait/${step}`;
