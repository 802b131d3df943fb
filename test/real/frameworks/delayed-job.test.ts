import { testFramework } from './suite.ts';

testFramework('delayed-job');
