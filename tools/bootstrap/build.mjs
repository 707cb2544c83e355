// `npm run build`: packages, native addon, TypeScript.
import { prepare } from './steps.mjs';

await prepare();
