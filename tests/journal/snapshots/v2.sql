-- A journal as version 2 of the package wrote it: one delivered with a dead letter, one parked, one queued.
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
INSERT INTO "dead_letters" VALUES(4294967298,'01a0c450-6c00-7003-8a1d-b87bd3c810a2','track','{"name": "bad", "properties": {}}',1790000000000,'boot-1',1000000,X'2677ED1162AFFA33','invalid_payload','no',1790000000000);
CREATE TABLE device (
	id INTEGER NOT NULL CHECK (id = 1), 
	device_id TEXT NOT NULL, 
	secret TEXT NOT NULL, 
	previous_device_id TEXT, 
	current_lane INTEGER NOT NULL, 
	created_at INTEGER NOT NULL, 
	max_entries INTEGER DEFAULT 1000000, 
	max_bytes INTEGER DEFAULT 1073741824, 
	exchange_seq INTEGER DEFAULT 0 NOT NULL, 
	exchange_id TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "device" VALUES(1,'01a0c450-6c00-7002-af1a-aefef4c5d251','dPELmp9m3r3me_nQ1exhYxwpBuerOxvo32SPsnjcPN0',NULL,3,1790000000000,1000000,1073741824,4,'01a0c450-6c00-7003-bdec-15582bcae046');
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
INSERT INTO "entries" VALUES(8589934593,'01a0c450-6c00-7003-b9db-9e55f8699a60','identify','{"user_id":"bob","verify":true}',1790000000000,'boot-1',1000000,X'BB484B081543B40D');
INSERT INTO "entries" VALUES(8589934594,'01a0c450-6c00-7003-bac8-b99cc019e4fb','update','{"profile": {"name": "Bob"}}',1790000000000,'boot-1',1000000,X'7923DAD6CBA021B7');
INSERT INTO "entries" VALUES(12884901889,'01a0c450-6c00-7003-bee0-e4d9b6639b0b','identify','{"user_id":"cyd","verify":false}',1790000000000,'boot-1',1000000,X'BF9942951E4FBF41');
INSERT INTO "entries" VALUES(12884901890,'01a0c450-6c00-7003-befb-8940fd906cd5','track','{"name": "three", "properties": {}}',1790000000000,'boot-1',1000000,X'EC50ACF9BC99E8D2');
INSERT INTO "entries" VALUES(12884901891,'01a0c450-6c00-7003-bfc7-234973db9f4d','update','{"profile": {"name": "Cyd"}}',1790000000000,'boot-1',1000000,X'DF8CF4E539A1C8F9');
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
	tried_position INTEGER, 
	tried_from TEXT, 
	sent_position INTEGER DEFAULT 0 NOT NULL, 
	CONSTRAINT acked_in_lane CHECK (acked_position <= last_position OR last_position = lane_id << 32), 
	CONSTRAINT parked_has_a_code CHECK ((parked_at IS NULL) = (parked_code IS NULL)), 
	UNIQUE (session_id)
);
INSERT INTO "lanes" VALUES(1,'01a0c450-6c00-7000-b6a6-339553457a8a','ann','verified',1790000000000,1790000000000,4294967299,4294967299,'01a0c450-6c00-7003-8ac2-fc767c186ae8',2,4294967299,NULL,NULL,NULL,NULL,1,NULL,NULL,4294967299,NULL,NULL,4294967299);
INSERT INTO "lanes" VALUES(2,'01a0c450-6c00-7003-b928-fe9362f2b401','bob','identified',1790000000000,1790000000000,8589934592,8589934592,NULL,0,8589934593,NULL,1790000000000,'token_expired','not accepted',0,NULL,NULL,NULL,NULL,NULL,8589934594);
INSERT INTO "lanes" VALUES(3,'01a0c450-6c00-7003-bd14-9b680913d6f5','cyd','identified',1790000000000,NULL,12884901888,12884901888,NULL,0,12884901889,'st',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,0);
CREATE TABLE ledger (
	ledger_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	first_position INTEGER NOT NULL, 
	last_position INTEGER NOT NULL, 
	entries INTEGER NOT NULL CHECK (entries > 0), 
	reason TEXT NOT NULL CHECK (reason IN ('superseded', 'discarded', 'forgotten', 'retried', 'moved', 'lost')), 
	at INTEGER NOT NULL, 
	moved_to INTEGER, 
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
CREATE INDEX lanes_by_user ON lanes (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX lanes_not_drained ON lanes (lane_id) WHERE drained = 0;
CREATE INDEX dead_letters_by_id ON dead_letters (id);
CREATE INDEX ledger_retried ON ledger (moved_to) WHERE reason = 'retried';
CREATE INDEX ledger_by_position ON ledger (first_position);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('lanes',3);
COMMIT;
