import { defineCommand } from '../cli/command.ts';
import { print, printError } from '../cli/print.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { jobCounts, jobLines } from '../core/views/job-counts.ts';
import { printed } from '../output/json/answer.ts';
import { jobsAnswer } from '../output/json/answers.ts';
import { statusFor } from './status.ts';

export const command = defineCommand({
  summary: 'List each worker with its count, its desired count and its pids, as MogileFS does.',
  operands: '',
  description: 'Draining processes count until they have exited.',
  options: {},
  examples: [['workerctl jobs']],
  exitCodes: {
    done: '',
    state: 'the desired counts are unknown: state.json and its copy cannot be used',
  },
  run: async ({ global }) => {
    const found = await statusFor(global, []);
    const counts = jobCounts(found);
    const lines = jobLines(counts).map((line) => `${line}\n`);
    print(global.json ? printed(jobsAnswer, counts) : lines.join(''));
    if (found.stateProblem === undefined) return exitCodes.done.code;
    const { problem, isUnknown } = found.stateProblem;
    printError(`workerctl: ${problem}\n`);
    return exitCodes[isUnknown ? 'state' : 'done'].code;
  },
});
