CREATE TABLE "seen_names" (
	"kind" text NOT NULL,
	"name" text NOT NULL
);
--> statement-breakpoint
INSERT INTO "seen_names" SELECT DISTINCT 'event', "name" FROM "events";--> statement-breakpoint
INSERT INTO "seen_names" SELECT DISTINCT 'attribute', "attribute" FROM "people", jsonb_object_keys("attributes") AS "attribute" WHERE length("attribute") <= 255;--> statement-breakpoint
CREATE INDEX "seen_names_name" ON "seen_names" USING btree ("kind","name");--> statement-breakpoint
CREATE INDEX "commands_refused" ON "commands" USING btree ("id") WHERE error is not null;--> statement-breakpoint
CREATE INDEX "journeys_overdue" ON "journeys" USING btree ("step_until") WHERE ended_at is null and step_until is not null;--> statement-breakpoint
CREATE INDEX "journeys_untimed" ON "journeys" USING btree ("id") WHERE ended_at is null and step_until is null;--> statement-breakpoint
CREATE INDEX "inbox_triggers" ON "inbox" USING btree ("subject") WHERE type = 'trigger';