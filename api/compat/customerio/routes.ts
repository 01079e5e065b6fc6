import type { Db } from '../../../db/open.ts';
import type { StoreEvent } from '../../event-groups.ts';
import type { Metrics } from '../../metrics.ts';
import type { Route } from '../../route.ts';
import { customerRoutes } from './customers.ts';
import { customerEventRoutes } from './events.ts';
import { customerTriggerRoutes } from './triggers.ts';

type Dependencies = {
  db: Db;
  storeEvent: StoreEvent;
  wake: () => void;
  wakeCarrier: () => void;
  metrics: Pick<Metrics, 'accepted'>;
};

/** Customer.io's Track API and the broadcasts of its App API: its libraries send here what they would send there. */
export const customerioCompatRoutes = (dependencies: Dependencies): Route[] => [
  ...customerRoutes(dependencies),
  ...customerEventRoutes(dependencies),
  ...customerTriggerRoutes(dependencies),
];
