import fc from 'fast-check';

// The same cases each time, so that a change is refused only for what it has changed. WORKERCTL_TEST_SEED=random draws new
// ones, and a number repeats those of a failure.
const seed = process.env['WORKERCTL_TEST_SEED'] ?? '255384';
fc.configureGlobal({
  ...fc.readConfigureGlobal(),
  ...(seed !== 'random' && { seed: Number(seed) }),
});
