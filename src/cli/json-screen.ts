import type { Event } from '../core/events/event.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import type { Planned } from '../core/model/plan.ts';
import { durationOf } from '../core/basics/time.ts';
import { now } from '../host/process/clock.ts';
import { printed } from '../output/json/answer.ts';
import { planAnswer } from '../output/json/plan.ts';
import { eventLine, resultLine } from '../output/json/stream.ts';
import { print, printJson } from './print.ts';

const nothing = (): void => undefined;

/** Every event is a line, and so is the outcome; a plan is one object. */
export const jsonScreen = {
  report: (event: Event): void => {
    printJson(eventLine(event));
  },
  progress: { first: durationOf(Infinity), every: durationOf(Infinity), show: nothing },
  planned: (planned: Planned): void => {
    print(printed(planAnswer, { planned, now: now() }));
  },
  acted: (outcome: ActOutcome, exitCode: number): void => {
    printJson(resultLine({ command: outcome.command, exitCode, outcome }));
  },
  end: nothing,
};
