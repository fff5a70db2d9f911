-- A journal as version 2 of the package wrote it: two people, one of them parked, and a retry in the ledger.
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
CREATE TABLE device (
	id INTEGER NOT NULL CHECK (id = 1), 
	device_id TEXT NOT NULL, 
	secret TEXT NOT NULL, 
	previous_device_id TEXT, 
	current_lane INTEGER NOT NULL, 
	created_at INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "device" VALUES(1,'01a0c450-6c00-7001-a5d5-55fffaba2b95','lf0vM8Qz4kmc3HyoBDquLDj0PwwGh0pctXwZJL9C4Vw',NULL,3,1790000000000);
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
INSERT INTO "entries" VALUES(8589934593,'01a0c450-7ba0-7001-9704-6e493f89f3ef','identify','{"user_id":"bob","verify":true}',1790000004000,'boot-1',1004000,X'95466F0C7787B5B8');
INSERT INTO "entries" VALUES(8589934594,'01a0c450-7f88-7003-922d-8dc21bb1c663','update','{"profile": {"name": "Bob"}}',1790000005000,'boot-1',1005000,X'07B217C8CDC1060C');
INSERT INTO "entries" VALUES(12884901890,'01a0c450-8758-7000-bad4-df83ce040044','update','{"profile": {"city": "Kelowna"}}',1790000007000,'boot-1',1007000,X'81970F308DE7AF63');
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
INSERT INTO "lanes" VALUES(1,'01a0c450-6c00-7001-a5b2-07d8ec78caf3',NULL,'verified',1790000000000,1790000004000,4294967301,4294967301,'01a0c450-77b8-7003-8c76-0850b744448d',4,4294967298,NULL,NULL,NULL,NULL,1,NULL,NULL,4294967298);
INSERT INTO "lanes" VALUES(2,'01a0c450-7ba0-7001-967c-6cf6e1a2f2a3','bob','identified',1790000004000,1790000006000,8589934592,8589934592,NULL,0,8589934593,NULL,1790000006000,'token_refused','not accepted',0,NULL,NULL,NULL);
INSERT INTO "lanes" VALUES(3,'01a0c450-8370-7002-ae8f-b2a3526a27b7','ann','verified',1790000006000,NULL,12884901889,12884901889,'01a0c450-8370-7002-aed9-0e7733ff8827',1,12884901889,'st',NULL,NULL,NULL,0,'{}',NULL,12884901889);
CREATE TABLE ledger (
	ledger_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	first_position INTEGER NOT NULL, 
	last_position INTEGER NOT NULL, 
	entries INTEGER NOT NULL CHECK (entries > 0), 
	reason TEXT NOT NULL CHECK (reason IN ('superseded', 'discarded', 'forgotten', 'retried', 'moved', 'lost')), 
	at INTEGER NOT NULL, 
	CONSTRAINT range_is_not_empty CHECK (first_position <= last_position)
);
INSERT INTO "ledger" VALUES(1,4294967299,4294967299,1,'retried',1790000003000);
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
INSERT INTO "sync_state" VALUES(1,'http://platform.test','48f624118098f287','replay',0,NULL,NULL,NULL,NULL,1790000003000,NULL,'{"bookmarking": "verified_only"}');
CREATE TABLE tokens (
	user_id TEXT NOT NULL, 
	token TEXT NOT NULL, 
	stored_at INTEGER NOT NULL, 
	PRIMARY KEY (user_id)
);
INSERT INTO "tokens" VALUES('ann','token of ann',1790000006000);
CREATE INDEX lanes_not_drained ON lanes (lane_id) WHERE drained = 0;
CREATE INDEX dead_letters_by_id ON dead_letters (id);
CREATE INDEX ledger_by_position ON ledger (first_position);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('lanes',3);
INSERT INTO "sqlite_sequence" VALUES('ledger',1);
COMMIT;
