import { testFramework } from './suite.ts';

testFramework('rq');
