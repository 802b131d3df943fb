import type { Event } from '../core/events/event.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import type { Planned } from '../core/model/plan.ts';
import { visibleInColour } from '../core/basics/visible.ts';
import { durationOf } from '../core/basics/time.ts';
import type { ProgressDisplay } from '../engine/session.ts';
import { now } from '../host/process/clock.ts';
import { annotationFor, isGitHubWorkflow } from '../output/annotations.ts';
import { formatEventLine, isShown } from '../output/event-line.ts';
import { formatOutcome } from '../output/outcome.ts';
import { sayingOnce } from '../output/said-once.ts';
import { formatPlanned } from '../output/text.ts';
import type { Colours } from '../output/plain.ts';
import { formatSignOfLife } from '../output/progress.ts';
import type { GlobalOptions } from './command.ts';
import { colours } from './colours.ts';
import { print, printPainted, printRecorder, terminalSize, type PrintRecorder } from './print.ts';

/** Where the events, the progress and the outcome of an acting command are shown. */
export interface Screen {
  readonly report: (event: Event) => void;
  readonly progress: ProgressDisplay;
  readonly planned: (planned: Planned) => void;
  readonly acted: (outcome: ActOutcome, exitCode: number) => void;
  /** Restores the terminal. */
  readonly end: () => void;
}

/** JSON lines if asked for, a live view on a terminal, else plain lines with the progress from time to time. */
export async function openScreen({ json }: GlobalOptions): Promise<Screen> {
  const recorder = printRecorder();
  if (json && recorder === undefined) return (await import('./json-screen.ts')).jsonScreen;
  const painted = await colours();
  if (recorder !== undefined) return recordedScreen(plainScreen(painted), recorder);
  return terminalSize() === undefined ? plainScreen(painted) : liveScreen(painted);
}

function plainScreen(painted: Colours): Screen {
  const once = sayingOnce();
  return {
    report: (event) => {
      if (isShown(event)) printPainted(textOf(event, once, painted));
    },
    progress: {
      first: durationOf(2_000),
      every: durationOf(30_000),
      show: (view) => {
        print(formatSignOfLife(view));
      },
    },
    planned: (planned) => {
      print(formatPlanned(planned, now()));
    },
    acted: (outcome) => {
      print(formatOutcome(outcome, now()));
    },
    end: () => undefined,
  };
}

function textOf(event: Event, once: (event: Event) => Event, painted: Colours): string {
  const annotation = isGitHubWorkflow(process.env) ? annotationFor(event) : undefined;
  return formatEventLine(once(event), painted) + (annotation ?? '');
}

async function liveScreen(painted: Colours): Promise<Screen> {
  const { openLiveTerminal } = await import('./live-terminal.ts');
  const live = await openLiveTerminal();
  const once = sayingOnce();
  return {
    ...plainScreen(painted),
    report: (event) => {
      if (isShown(event)) live.printAbove(visibleInColour(textOf(event, once, painted)));
    },
    progress: { first: durationOf(250), every: durationOf(1_000), show: live.draw },
    acted: (outcome) => {
      live.end();
      print(formatOutcome(outcome, now()));
    },
    end: live.end,
  };
}

/** For readers of text and of JSON, who come later. If there is no more room, only the outcome is kept. */
async function recordedScreen(plain: Screen, { hasRoom }: PrintRecorder): Promise<Screen> {
  const { jsonScreen } = await import('./json-screen.ts');
  return {
    ...plain,
    report: (event) => {
      if (!hasRoom()) return;
      plain.report(event);
      jsonScreen.report(event);
    },
    progress: {
      ...plain.progress,
      show: (view) => {
        if (hasRoom()) plain.progress.show(view);
      },
    },
    acted: (outcome, exitCode) => {
      plain.acted(outcome, exitCode);
      jsonScreen.acted(outcome, exitCode);
    },
  };
}
