/** The distributor puts the words of the visitor's language here: `server/disio/distributor/loader.py`. */
declare const DISIO_SAID: Record<string, string> & { purposes: string[] };
