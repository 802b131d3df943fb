// workerctl under a real cron: what it runs for whom, and what doctor says of an account that PAM refuses.
import { describe, expect, test } from 'vitest';
import { linesOf } from '../rig/files.ts';
import { until } from '../rig/wait.ts';
import { app, config, createHost, type Host } from './systemd/host.ts';
import { rootTree } from './systemd/machine.ts';

const tree = rootTree();

describe.runIf(tree !== undefined).concurrent('cron', () => {
  test('bootcheck must run each minute, also without a shell, and doctor must find an account that runs nothing', async (context) => {
    const host = await createHost(tree ?? '', context);
    await host.shell('echo CRON_TZ=Asia/Tokyo | crontab -u deploy -');
    const said = await host.workerctl('install', 'cron', '--write');
    expect(said).toContain('added to the crontab of deploy');
    const slow = await slowChecks(host);
    await host.shell(`useradd --shell /usr/sbin/nologin noshell; useradd expired; chage -E 1 expired
      for user in noshell expired; do echo "* * * * * touch /var/tmp/$user" | crontab -u $user -; done`);
    const starts = (): number => host.story().filter((line) => line.startsWith('start ')).length;
    await until('cron to start both workers', () => starts() === 2, 90_000);
    await slow();
    await until('cron to run a job without a shell', async () =>
      (await host.shell('ls /var/tmp')).includes('noshell'),
    );
    expect(await host.shell('ls /var/tmp')).not.toContain('expired');
    const doctor = (): Promise<string> =>
      host.shell(
        `setpriv --reuid=deploy --regid=deploy --init-groups env HOME=/home/deploy workerctl doctor --config ${config} || true`,
      );
    expect(await doctor()).toMatch(
      /^ok +cron \(crontab -l\): bootcheck runs every 60s|^ok +cron \(crontab -l\): bootcheck runs every 1m/m,
    );
    expect(await host.shell('crontab -u deploy -l')).toMatch(/^CRON_TZ=Asia\/Tokyo\n\* /m);

    const pids = await host.pids();
    await host.shell(`workerctl install logrotate --write --trust-config ${config}`);
    const log = (await host.shell(`find ${app} -name 'jobs.1.log'`)).trim();
    await host.shell(`echo before >>${log} && logrotate -f /etc/logrotate.d/workerctl`);
    expect(await host.shell(`cat ${log}.1 && stat -c %s ${log}`)).toMatch(/^before\n0$/m);
    expect(await host.pids()).toBe(pids);
    await host.workerctl('install', 'cron', '--remove');
    expect(await host.shell('crontab -u deploy -l')).toBe('CRON_TZ=Asia/Tokyo');
    await host.workerctl('install', 'cron', '--write');

    host.write('etc/cron.allow', 'root\n');
    expect(await doctor()).toMatch(/^warning +cron: deploy may not use crontab\(1\)/m);
    await host.shell('rm /etc/cron.allow && chage -E 1 deploy');
    expect(await doctor()).toMatch(
      /^problem +cron: runs nothing for deploy: the account expired on/m,
    );
    await host.shell('chage -E -1 -d 2020-01-01 -M 1 deploy');
    expect(await doctor()).toMatch(
      /^problem +cron: runs nothing for deploy: the password expired on Jan 02, 2020$/m,
    );
    await host.shell('chage -I 5 deploy');
    expect(await doctor()).toMatch(
      /^problem +cron: .* and the account is inactive since Jan 07, 2020$/m,
    );
  });
});

/**
 * Lets cron run two bootchecks of root at a time, of which each would take eight seconds.
 * @returns a function that waits for both, and checks that one has done everything, and only that one was mailed
 */
async function slowChecks(host: Host): Promise<() => Promise<void>> {
  const folder = '/srv/slow';
  host.makeDirectory(folder);
  host.write(
    `${folder}/workerctl.yaml`,
    JSON.stringify({
      release: { command: ['sh', '-c', 'sleep 8; echo r1'] },
      workers: { slow: { command: 'sleep 1000', count: 2 } },
    }),
  );
  const check = `/usr/local/bin/workerctl bootcheck --config ${folder}/workerctl.yaml; echo $? >>${folder}/codes`;
  host.write('var/tmp/tab', `* * * * * ${check}\n* * * * * sleep 4; ${check}\n`);
  await host.shell(
    `printf '#!/bin/sh\\ncat >>${folder}/mails\\n' >/usr/sbin/sendmail && chmod 755 /usr/sbin/sendmail && crontab /var/tmp/tab`,
  );
  return async () => {
    const codes = await until('both to end', () => {
      const found = linesOf(host.path(`${folder}/codes`));
      return found.length >= 2 && found;
    });
    await host.shell('crontab -r');
    expect(codes.sort()).toEqual(['0', '75']);
    expect(await host.shell("pgrep -fxc 'sleep 1000'")).toBe('2');
    await until('cron to send its mail', () => linesOf(host.path(`${folder}/mails`)).length > 0);
    const mails = linesOf(host.path(`${folder}/mails`));
    expect(mails.filter((line) => line.startsWith('Subject:'))).toHaveLength(1);
    expect(mails.filter((line) => line.includes('started pid'))).toHaveLength(2);
  };
}
