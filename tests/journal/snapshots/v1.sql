-- A journal as version 1 of the package wrote it: three people, one delivered, three sessions.
PRAGMA application_id=1280132975;
PRAGMA user_version=1;
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
INSERT INTO "device" VALUES(1,'01a0c450-6c00-7003-996a-8765dd13e5c0','NJQvxYkhvjLn0d4JxSscdz-yVeNWifOWrrYO782eag8',NULL,3,1790000000000);
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
INSERT INTO "entries" VALUES(8589934594,'01a0c450-6c00-7003-9de7-300cb2de82bc','update','{"profile": {"name": "Bob"}}',1790000000000,'boot-1',1000000,X'3631EF71154C4897');
INSERT INTO "entries" VALUES(12884901889,'01a0c450-6c00-7003-9e9b-d6e4d7c5df2c','identify','{"user_id":"cyd","verify":true}',1790000000000,'boot-1',1000000,X'89E78DE019FD0D95');
INSERT INTO "entries" VALUES(12884901890,'01a0c450-6c00-7003-9f31-c3374c8ccd1e','track','{"name": "three", "properties": {}}',1790000000000,'boot-1',1000000,X'AED56C084C9C2529');
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
	CONSTRAINT acked_in_lane CHECK (acked_position <= last_position OR last_position = lane_id << 32), 
	CONSTRAINT parked_has_a_code CHECK ((parked_at IS NULL) = (parked_code IS NULL)), 
	UNIQUE (session_id)
);
INSERT INTO "lanes" VALUES(1,'01a0c450-6c00-7000-a03f-71207485a3f2',NULL,'verified',1790000000000,1790000000000,4294967300,4294967300,'01a0c450-6c00-7003-9b2d-a0a1d9443203',4,4294967297,NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "lanes" VALUES(2,'01a0c450-6c00-7003-9c2c-c09dd4945658','bob','identified',1790000000000,1790000000000,8589934593,8589934593,'01a0c450-6c00-7003-9d0f-d4c2797bea86',1,8589934593,NULL,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "lanes" VALUES(3,'01a0c450-6c00-7003-9e66-add69f08fe03','cyd','identified',1790000000000,NULL,12884901888,12884901888,NULL,0,12884901889,NULL,NULL,NULL,NULL,0,NULL,NULL);
CREATE TABLE ledger (
	ledger_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	first_position INTEGER NOT NULL, 
	last_position INTEGER NOT NULL, 
	entries INTEGER NOT NULL CHECK (entries > 0), 
	reason TEXT NOT NULL CHECK (reason IN ('superseded', 'discarded', 'forgotten', 'retried', 'moved', 'lost')), 
	at INTEGER NOT NULL, 
	CONSTRAINT range_is_not_empty CHECK (first_position <= last_position)
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
INSERT INTO "sync_state" VALUES(1,'http://platform.test','48f624118098f287',NULL,0,NULL,NULL,NULL,NULL,1790000000000,NULL,'{"bookmarking": "verified_only"}');
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
