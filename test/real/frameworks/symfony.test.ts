import { testFramework } from './suite.ts';

testFramework('symfony');
