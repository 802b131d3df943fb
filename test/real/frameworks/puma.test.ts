import { testFramework } from './suite.ts';

testFramework('puma');
