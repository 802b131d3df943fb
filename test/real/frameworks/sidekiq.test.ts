import { testFramework } from './suite.ts';

testFramework('sidekiq');
