import { planned } from '../builders.ts';
import { applyGoal, type Goal } from '../../../src/core/rules/apply-goal.ts';
import type { Plan } from '../../../src/core/model/plan.ts';
import { carryOut } from './carry-out.ts';
import type { Chronicle } from './chronicle.ts';
import { hear } from './hear.ts';
import { judge, judgeAborts, judgeExtras, judgeLimits, type During } from './judge.ts';
import { look } from './look.ts';
import { standingOf, watch, type Standings } from './standing.ts';

/** One pass over these instances; `cut`: it is killed after so many actions. */
export function pass(
  chronicle: Chronicle,
  goal: Goal,
  names: readonly string[],
  cut = Infinity,
): Plan {
  const { world } = chronicle;
  const observation = look(world, names);
  hear(chronicle, goal);
  const standings: Standings = new Map(
    chronicle.restarts.map((restart) => [
      restart,
      new Map(
        [...restart.members.keys()].map((name) => [name, standingOf(chronicle, restart, name)]),
      ),
    ]),
  );
  watch(chronicle, standings, observation);
  Object.assign(world, applyGoal(world.config, world, goal, observation));
  judgeAborts(chronicle);
  const plan = planned(world.config, world.desired, observation, world.ledger);
  const during: During = { observation, standings, signalled: new Set() };
  for (const action of plan.slice(0, cut)) {
    judge(chronicle, action, during);
    carryOut(world, action);
    judgeExtras(chronicle);
  }
  if (plan.length <= cut) judgeLimits(chronicle, observation);
  return plan;
}
