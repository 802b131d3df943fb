import { testFramework } from './suite.ts';

testFramework('bullmq');
