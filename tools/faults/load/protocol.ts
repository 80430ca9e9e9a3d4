import type { Closing } from './auditor.ts';
import type { Findings } from './findings.ts';
import type { Span } from './timeline.ts';
import type { LoadPlan } from './traffic.ts';

/** What the load process can be asked, and what it answers. Times are in ms since the epoch. */
export interface Answers {
  /** Everybody has signed up and is at work. */
  open: { readonly ask: { readonly plan: LoadPlan }; readonly answer: null };
  /** Whether, and since when, everything was served well after that moment. */
  recovered: { readonly ask: { readonly from: number }; readonly answer: number | null };
  span: { readonly ask: { readonly from: number; readonly to: number }; readonly answer: Span };
  /** What was lost, doubled and so on since the last time. */
  audit: { readonly ask: Record<string, never>; readonly answer: Findings };
  /** Ends the load and looks at everything. */
  close: { readonly ask: Record<string, never>; readonly answer: Closing };
}

export type Question = keyof Answers;

export interface Asked<Q extends Question = Question> {
  readonly id: number;
  readonly question: Q;
  readonly ask: Answers[Q]['ask'];
}

export type Answered =
  | { readonly id: number; readonly answer: Answers[Question]['answer'] }
  | { readonly id: number; readonly fault: string };
