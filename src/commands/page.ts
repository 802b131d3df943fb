import { hostname } from 'node:os';
import { defineCommand, type GlobalOptions } from '../cli/command.ts';
import { configFor } from '../cli/config.ts';
import { interruption } from '../cli/interruption.ts';
import { expecting, value } from '../cli/options.ts';
import { print } from '../cli/print.ts';
import { tokenOption } from '../cli/token-option.ts';
import { parseTcpAddress, pageAddress } from '../core/protocols/tcp-address.ts';
import { createReleaseReader } from '../engine/observe/release-reader.ts';
import { resultLine } from '../output/json/stream.ts';
import { servePage } from './page/serve.ts';
import type { PageHost } from './page/place.ts';
import { metricsFor } from './status.ts';

const address = expecting(`an address like ${pageAddress}`, parseTcpAddress);

export const command = defineCommand({
  summary: 'Serve a page with workers, restarts, events and logs, until Ctrl-C.',
  operands: '',
  description: `
Open the address that it prints in a browser. The page changes nothing. It shows what status, rollout,
events and logs show, live; /api/status and others serve the same as JSON. Processes of other users are
refused. workerctl watch --http serves the same page for as long as it runs.`,
  options: {
    http: value('ADDR', `listen there (default: 127.0.0.1 and any free port)`, address),
    httpToken: tokenOption,
  },
  examples: [
    ['workerctl page'],
    [`ssh -L 9001:${pageAddress} web1 workerctl page --http ${pageAddress}`, 'of another host'],
  ],
  exitCodes: {
    done: '',
    failed: 'it cannot listen there',
    interrupted: '',
  },
  run: async ({ global, http = { host: '127.0.0.1', port: 0 }, httpToken }) => {
    const interrupt = interruption();
    const server = await servePage(hostOf(global), {
      option: '--http',
      address: http,
      tokenFile: httpToken,
    });
    try {
      if (!global.json) print(`${server.url}\n`);
      await new Promise((resolve) => {
        if (interrupt.signal.aborted) resolve(undefined);
        else interrupt.signal.addEventListener('abort', resolve);
      });
    } finally {
      await server.close();
      interrupt.dispose();
    }
    const code = interrupt.exitCode();
    if (global.json) print(resultLine({ command: 'page', exitCode: code }));
    return code;
  },
});

/** It reads the config as it is at each request. */
function hostOf(global: GlobalOptions): PageHost {
  return {
    place: async () => {
      const config = await configFor(global);
      return { config, hostName: hostname(), releases: createReleaseReader(config) };
    },
    problem: () => undefined,
    metrics: () => metricsFor(global, {}),
  };
}
