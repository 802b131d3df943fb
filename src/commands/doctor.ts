import { defineCommand } from '../cli/command.ts';
import { configFor } from '../cli/config.ts';
import { print, terminalSize } from '../cli/print.ts';
import { colours } from '../cli/colours.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { countOf } from '../core/views/finding.ts';
import { formatReports } from '../output/doctor.ts';
import { printed } from '../output/json/answer.ts';
import { doctorAnswer } from '../output/json/doctor.ts';
import { doctor } from './doctor/doctor.ts';

/** `workerctl doctor`. */
export const command = defineCommand({
  summary: 'Check this host for problems before they hurt. Changes nothing.',
  operands: '',
  description: `
It looks at locks, files, processes, timeouts, limits, permissions, cron, systemd and CI runners. Each
finding says what was found, why it matters and what to do. The only file that it writes is a probe
for the lock, which it removes.`,
  options: {},
  examples: [['workerctl doctor', 'after the first deploy, and whenever something is odd']],
  exitCodes: { done: 'no problems; there may be warnings', failed: 'problems', config: '' },
  run: async ({ global }) => {
    const reports = await doctor(await configFor(global), process.env);
    print(
      global.json
        ? printed(doctorAnswer, reports)
        : formatReports(reports, await colours(), terminalSize()?.columns),
    );
    return exitCodes[countOf(reports, 'problem') === 0 ? 'done' : 'failed'].code;
  },
});
