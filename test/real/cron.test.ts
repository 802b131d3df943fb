// workerctl under a real cron: what it runs for whom, and what doctor says of an account that PAM refuses.
import { describe, expect, test } from 'vitest';
import { until } from '../rig/wait.ts';
import { app, config, createHost } from './systemd/host.ts';
import { rootTree } from './systemd/machine.ts';

const tree = rootTree();

describe.runIf(tree !== undefined).concurrent('cron', () => {
  test('bootcheck must run each minute, also without a shell, and doctor must find an account that runs nothing', async (context) => {
    const host = await createHost(tree ?? '', context);
    await host.shell('echo CRON_TZ=Asia/Tokyo | crontab -u deploy -');
    const said = await host.workerctl('install', 'cron', '--write');
    expect(said).toContain('added to the crontab of deploy');
    await host.shell(`useradd --shell /usr/sbin/nologin noshell; useradd expired; chage -E 1 expired
      for user in noshell expired; do echo "* * * * * touch /var/tmp/$user" | crontab -u $user -; done`);
    const starts = (): number => host.story().filter((line) => line.startsWith('start ')).length;
    await until('cron to start both workers', () => starts() === 2, 90_000);
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

    await host.shell('chage -E 1 deploy');
    expect(await doctor()).toMatch(
      /^problem +cron: runs nothing for deploy: the account expired on/m,
    );
    await host.shell('chage -E -1 -d 2020-01-01 -M 1 deploy');
    expect(await doctor()).toMatch(
      /^problem +cron: runs nothing for deploy: the password expired on/m,
    );
  });
});
