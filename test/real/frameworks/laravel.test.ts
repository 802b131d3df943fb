import { testFramework } from './suite.ts';

testFramework('laravel');
