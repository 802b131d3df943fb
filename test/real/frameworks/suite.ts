// All scenarios of one framework, in one world, one after another; a file for each framework runs beside the others.
import { afterAll, beforeAll, describe, test } from 'vitest';
import { frameworks, type Framework, type FrameworkName } from './table.ts';
import { scenarios, settle, type ScenarioName } from './scenarios.ts';
import { isMissing } from './needs.ts';
import { createWorld, type World } from './world.ts';

/** How often the load test is run: once, unless somebody wants to know. */
const loads = Number(process.env['WORKERCTL_TEST_LOADS'] ?? 1);

const times = (title: string): number => (title === 'load' ? loads : 1);

/** For one run of a scenario, on a busy machine. */
const limitMs = 180_000;

export function testFramework(name: FrameworkName): void {
  const framework: Framework = frameworks[name];
  if (isMissing(name, framework.needs)) return;
  describe(`${name} under workerctl`, () => {
    let world: World;
    const figures: string[] = [];
    beforeAll(async () => {
      world = await createWorld(name);
    });
    afterAll(async () => {
      console.log([`${name}:`, ...figures].join('\n  '));
      await world.end();
    });
    for (const [title, run] of Object.entries(scenarios)) {
      const why = framework.without?.[title as ScenarioName];
      if (why !== undefined) {
        figures.push(`${title}: not tested, ${why}`);
        continue;
      }
      test(title, { timeout: limitMs * times(title) }, async ({ onTestFailed }) => {
        onTestFailed(() => settle(world));
        for (let count = 0; count < times(title); count++)
          figures.push(`${title}: ${await run(world)}`);
      });
    }
  });
}
