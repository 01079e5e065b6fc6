CREATE INDEX "attribute_changes_age" ON "attribute_changes" USING btree ("person_key","at");--> statement-breakpoint
-- Of what has ended before: an audience may name people.
UPDATE "broadcasts" SET "audience" = '"everybody"' WHERE "ended_at" IS NOT NULL AND "audience" IS NOT NULL;
