-- A journal as version 2 of the package wrote it: three people, one delivered with a dead letter, three sessions.
PRAGMA application_id=1280132975;
PRAGMA user_version=2;
BEGIN TRANSACTION;
CREATE TABLE bookmarks (
	lane_id INTEGER NOT NULL, 
	offer_id TEXT NOT NULL, 
	business_id TEXT, 
	location_ids TEXT NOT NULL, 
	saved INTEGER NOT NULL CHECK (saved IN (0, 1)), 
	position INTEGER NOT NULL, 
	PRIMARY KEY (lane_id, offer_id)
);
INSERT INTO "bookmarks" VALUES(3,'o1','b1','[]',1,12884901893);
CREATE TABLE boots (
	boot_id TEXT NOT NULL, 
	booted_at INTEGER NOT NULL, 
	PRIMARY KEY (boot_id)
);
INSERT INTO "boots" VALUES('boot-1',1789999000000);
CREATE TABLE cache (
	lane_id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	body TEXT NOT NULL, 
	etag TEXT, 
	as_of INTEGER NOT NULL, 
	PRIMARY KEY (lane_id, "key")
);
CREATE TABLE dead_letters (
	position INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	body TEXT NOT NULL CHECK (typeof(body) = 'text'), 
	made_at INTEGER NOT NULL, 
	boot_id TEXT NOT NULL, 
	since_boot_ms INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	code TEXT NOT NULL, 
	message TEXT NOT NULL, 
	refused_at INTEGER NOT NULL, 
	PRIMARY KEY (position)
);
INSERT INTO "dead_letters" VALUES(4294967300,'01a0c450-6c00-7003-9991-956dc9c88895','track','{"name": "bad", "properties": {}}',1790000000000,'boot-1',1000000,X'EC81458E462700C7','invalid_payload','no',1790000000000);
CREATE TABLE device (
	id INTEGER NOT NULL CHECK (id = 1), 
	device_id TEXT NOT NULL, 
	secret TEXT NOT NULL, 
	previous_device_id TEXT, 
	current_lane INTEGER NOT NULL, 
	created_at INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "device" VALUES(1,'01a0c450-6c00-7002-ba6a-c89939ee5202','1YHGrLK5HCWkyIjh8eEJS6cB-VH82bmodKiRAMM1DSc',NULL,3,1790000000000);
CREATE TABLE entries (
	position INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	body TEXT NOT NULL CHECK (typeof(body) = 'text'), 
	made_at INTEGER NOT NULL, 
	boot_id TEXT NOT NULL, 
	since_boot_ms INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	PRIMARY KEY (position)
);
INSERT INTO "entries" VALUES(8589934594,'01a0c450-6c00-7003-9ad1-e9ca254089d6','update','{"profile": {"name": "Bob"}}',1790000000000,'boot-1',1000000,X'3273C7C91692FBE0');
INSERT INTO "entries" VALUES(8589934595,'01a0c450-6c00-7003-9b9b-591d44a216e1','update','{"profile": {"name": "Bob B."}}',1790000000000,'boot-1',1000000,X'9C5160D3B54E2EFF');
INSERT INTO "entries" VALUES(12884901889,'01a0c450-6c00-7003-9d2d-fecf17e2b6b9','identify','{"user_id":"cyd","verify":true}',1790000000000,'boot-1',1000000,X'9F5FDD9722AAD906');
INSERT INTO "entries" VALUES(12884901890,'01a0c450-6c00-7003-9d52-6742f30fadfa','track','{"name": "three", "properties": {}}',1790000000000,'boot-1',1000000,X'0BE9E37AFCBF09FA');
INSERT INTO "entries" VALUES(12884901891,'01a0c450-6c00-7003-9da3-4b063b46b173','update','{"profile": {"tier": "gold"}}',1790000000000,'boot-1',1000000,X'4716A43E09DE683C');
INSERT INTO "entries" VALUES(12884901892,'01a0c450-6c00-7003-b11a-21ff86af2d93','update','{"profile": {"tier": "silver"}}',1790000000000,'boot-1',1000000,X'6AA28D04BB99F2DD');
INSERT INTO "entries" VALUES(12884901893,'01a0c450-6c00-7003-b20f-39ac0ed52ff0','bookmark','{"offer_id":"o1","business_id":"b1","location_ids":[]}',1790000000000,'boot-1',1000000,X'AD56C2CBFA321CCE');
CREATE TABLE lanes (
	lane_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	session_id TEXT NOT NULL, 
	user_id TEXT, 
	state TEXT NOT NULL CHECK (state IN ('anonymous', 'identified', 'verified')), 
	opened_at INTEGER NOT NULL, 
	sealed_at INTEGER, 
	last_position INTEGER NOT NULL, 
	acked_position INTEGER NOT NULL, 
	acked_id TEXT, 
	acked_count INTEGER NOT NULL CHECK (acked_count >= 0), 
	identify_position INTEGER, 
	session_token TEXT, 
	parked_at INTEGER, 
	parked_code TEXT, 
	parked_message TEXT, 
	drained INTEGER NOT NULL CHECK (drained IN (0, 1)), 
	profile TEXT, 
	successor_lane INTEGER, 
	claimed_position INTEGER, 
	CONSTRAINT acked_in_lane CHECK (acked_position <= last_position OR last_position = lane_id << 32), 
	CONSTRAINT parked_has_a_code CHECK ((parked_at IS NULL) = (parked_code IS NULL)), 
	UNIQUE (session_id)
);
INSERT INTO "lanes" VALUES(1,'01a0c450-6c00-7002-ba26-aeace4e3bb28','ann','verified',1790000000000,1790000000000,4294967300,4294967300,'01a0c450-6c00-7003-9991-956dc9c88895',3,4294967298,NULL,NULL,NULL,NULL,1,NULL,NULL,4294967298);
INSERT INTO "lanes" VALUES(2,'01a0c450-6c00-7003-99b5-064f67130507','bob','identified',1790000000000,1790000000000,8589934593,8589934593,'01a0c450-6c00-7003-9aa4-31d2a2ab1ba9',1,8589934593,NULL,NULL,NULL,NULL,0,NULL,NULL,8589934593);
INSERT INTO "lanes" VALUES(3,'01a0c450-6c00-7003-9c58-0623b5d05249','cyd','identified',1790000000000,NULL,12884901888,12884901888,NULL,0,12884901889,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL);
CREATE TABLE ledger (
	ledger_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	first_position INTEGER NOT NULL, 
	last_position INTEGER NOT NULL, 
	entries INTEGER NOT NULL CHECK (entries > 0), 
	reason TEXT NOT NULL CHECK (reason IN ('superseded', 'discarded', 'forgotten', 'retried', 'moved', 'lost')), 
	at INTEGER NOT NULL, 
	CONSTRAINT range_is_not_empty CHECK (first_position <= last_position)
);
CREATE TABLE lmg_sessions (
	lane_id INTEGER NOT NULL, 
	session_id TEXT NOT NULL, 
	token TEXT NOT NULL, 
	ingestion_url TEXT NOT NULL, 
	claim TEXT NOT NULL CHECK (claim IN ('anonymous', 'identified', 'verified')), 
	token_at INTEGER NOT NULL, 
	PRIMARY KEY (lane_id)
);
CREATE TABLE search_terms (
	term TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	PRIMARY KEY (term)
);
CREATE TABLE sync_state (
	id INTEGER NOT NULL CHECK (id = 1), 
	endpoint TEXT, 
	write_key_digest TEXT, 
	dialect TEXT, 
	failures INTEGER NOT NULL, 
	not_before_at INTEGER, 
	floor_until_at INTEGER, 
	suspended_code TEXT, 
	suspended_message TEXT, 
	last_synced_at INTEGER, 
	last_error TEXT, 
	settings TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "sync_state" VALUES(1,'http://platform.test','48f624118098f287','replay',0,NULL,NULL,NULL,NULL,1790000000000,NULL,'{"bookmarking": "verified_only"}');
CREATE TABLE tokens (
	user_id TEXT NOT NULL, 
	token TEXT NOT NULL, 
	stored_at INTEGER NOT NULL, 
	PRIMARY KEY (user_id)
);
INSERT INTO "tokens" VALUES('cyd','token of cyd',1790000000000);
CREATE INDEX lanes_not_drained ON lanes (lane_id) WHERE drained = 0;
CREATE INDEX dead_letters_by_id ON dead_letters (id);
CREATE INDEX ledger_by_position ON ledger (first_position);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('lanes',3);
COMMIT;
