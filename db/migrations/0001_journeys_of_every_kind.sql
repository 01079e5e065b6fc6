CREATE TABLE "due_entries" (
	"campaign_id" text NOT NULL,
	"person_key" text NOT NULL,
	"occurrence" text NOT NULL,
	"broadcast_id" text,
	"due_at" timestamp (3) with time zone NOT NULL,
	"fired_at" timestamp (3) with time zone,
	CONSTRAINT "due_entries_campaign_id_person_key_occurrence_pk" PRIMARY KEY("campaign_id","person_key","occurrence")
);
--> statement-breakpoint
CREATE TABLE "occurrences" (
	"campaign_id" text NOT NULL,
	"local_time" text NOT NULL,
	"zone" text NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL,
	"state" text DEFAULT 'due' NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	CONSTRAINT "occurrences_campaign_id_local_time_zone_pk" PRIMARY KEY("campaign_id","local_time","zone")
);
--> statement-breakpoint
CREATE TABLE "paused_deliveries" (
	"delivery_id" text PRIMARY KEY NOT NULL,
	"campaign_id" text NOT NULL,
	"workflow_id" text NOT NULL,
	"since" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "conversions" (
	"journey_id" text PRIMARY KEY NOT NULL,
	"campaign_id" text NOT NULL,
	"person_key" text NOT NULL,
	"event_id" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"step_id" text
);
--> statement-breakpoint
CREATE TABLE "split_choices" (
	"journey_id" text NOT NULL,
	"campaign_id" text NOT NULL,
	"split_id" text NOT NULL,
	"variant" text NOT NULL,
	CONSTRAINT "split_choices_journey_id_split_id_pk" PRIMARY KEY("journey_id","split_id")
);
--> statement-breakpoint
CREATE TABLE "waits" (
	"journey_id" text NOT NULL,
	"step_id" text NOT NULL,
	"person_key" text NOT NULL,
	"kind" text NOT NULL,
	"event_name" text,
	"since" bigint NOT NULL,
	"deadline" timestamp (3) with time zone,
	"timed" boolean DEFAULT false NOT NULL,
	"outcome" text,
	"event_id" text,
	"position" bigint,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	"closed_at" timestamp (3) with time zone,
	CONSTRAINT "waits_journey_id_step_id_pk" PRIMARY KEY("journey_id","step_id")
);
--> statement-breakpoint
CREATE TABLE "segment_members" (
	"segment_id" text NOT NULL,
	"person_key" text NOT NULL,
	"since" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	CONSTRAINT "segment_members_segment_id_person_key_pk" PRIMARY KEY("segment_id","person_key")
);
--> statement-breakpoint
CREATE TABLE "segments" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text,
	"version" integer NOT NULL,
	"condition" json NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sweeps" (
	"type" text NOT NULL,
	"subject" text NOT NULL,
	"cursor" text,
	"silent" boolean DEFAULT false NOT NULL,
	"due_at" timestamp (3) with time zone DEFAULT to_timestamp(0) NOT NULL,
	CONSTRAINT "sweeps_type_subject_pk" PRIMARY KEY("type","subject")
);
--> statement-breakpoint
DROP INDEX "campaigns_trigger_event";--> statement-breakpoint
DROP INDEX "commands_order";--> statement-breakpoint
ALTER TABLE "broadcasts" ADD COLUMN "audience" json;--> statement-breakpoint
ALTER TABLE "broadcasts" ADD COLUMN "occurrence" text;--> statement-breakpoint
ALTER TABLE "broadcasts" ADD COLUMN "zone" text;--> statement-breakpoint
ALTER TABLE "broadcasts" ADD COLUMN "state" text DEFAULT 'completed' NOT NULL;--> statement-breakpoint
ALTER TABLE "broadcasts" ADD COLUMN "cursor" text;--> statement-breakpoint
ALTER TABLE "broadcasts" ADD COLUMN "selected_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "broadcasts" ADD COLUMN "ended_at" timestamp (3) with time zone;--> statement-breakpoint
UPDATE "broadcasts" SET "ended_at" = "created_at";--> statement-breakpoint
ALTER TABLE "campaigns" ADD COLUMN "trigger_type" text;--> statement-breakpoint
ALTER TABLE "campaigns" ADD COLUMN "trigger_name" text;--> statement-breakpoint
UPDATE "campaigns" SET "trigger_name" = "trigger_event", "trigger_type" = case when "trigger_event" is null then 'manual' else 'event' end;--> statement-breakpoint
ALTER TABLE "campaigns" ALTER COLUMN "trigger_type" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "campaigns" ADD COLUMN "exit_before" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "outcomes" ADD COLUMN "broadcast_id" text;--> statement-breakpoint
UPDATE "outcomes" SET "broadcast_id" = substring("cause" from 11) WHERE "cause" like 'broadcast/%';--> statement-breakpoint
ALTER TABLE "deliveries" ADD COLUMN "position" bigint;--> statement-breakpoint
ALTER TABLE "commands" ADD COLUMN "broadcast_id" text;--> statement-breakpoint
ALTER TABLE "journeys" ADD COLUMN "cause" text;--> statement-breakpoint
UPDATE "journeys" SET "cause" = coalesce('event/' || "event_id", 'broadcast/' || "broadcast_id", '');--> statement-breakpoint
ALTER TABLE "journeys" ALTER COLUMN "cause" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "journeys" ADD COLUMN "depth" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "journeys" ADD COLUMN "entry_position" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "journeys" ADD COLUMN "position" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "journeys" ADD COLUMN "goal_event" text;--> statement-breakpoint
ALTER TABLE "journeys" ADD COLUMN "goal_until" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "journeys" ADD COLUMN "exit_events" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "attribute_changes" ADD COLUMN "depth" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "attribute_changes" ADD COLUMN "backfill" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "due_entries" ADD CONSTRAINT "due_entries_campaign_id_campaigns_id_fk" FOREIGN KEY ("campaign_id") REFERENCES "public"."campaigns"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "due_entries" ADD CONSTRAINT "due_entries_person_key_people_key_fk" FOREIGN KEY ("person_key") REFERENCES "public"."people"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "due_entries" ADD CONSTRAINT "due_entries_broadcast_id_broadcasts_id_fk" FOREIGN KEY ("broadcast_id") REFERENCES "public"."broadcasts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "occurrences" ADD CONSTRAINT "occurrences_campaign_id_campaigns_id_fk" FOREIGN KEY ("campaign_id") REFERENCES "public"."campaigns"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "paused_deliveries" ADD CONSTRAINT "paused_deliveries_delivery_id_deliveries_id_fk" FOREIGN KEY ("delivery_id") REFERENCES "public"."deliveries"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "conversions" ADD CONSTRAINT "conversions_journey_id_journeys_id_fk" FOREIGN KEY ("journey_id") REFERENCES "public"."journeys"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "split_choices" ADD CONSTRAINT "split_choices_journey_id_journeys_id_fk" FOREIGN KEY ("journey_id") REFERENCES "public"."journeys"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "waits" ADD CONSTRAINT "waits_journey_id_journeys_id_fk" FOREIGN KEY ("journey_id") REFERENCES "public"."journeys"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "waits" ADD CONSTRAINT "waits_event_id_events_id_fk" FOREIGN KEY ("event_id") REFERENCES "public"."events"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "segment_members" ADD CONSTRAINT "segment_members_segment_id_segments_id_fk" FOREIGN KEY ("segment_id") REFERENCES "public"."segments"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "segment_members" ADD CONSTRAINT "segment_members_person_key_people_key_fk" FOREIGN KEY ("person_key") REFERENCES "public"."people"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "due_entries_due" ON "due_entries" USING btree ("due_at") WHERE fired_at is null and broadcast_id is null;--> statement-breakpoint
CREATE INDEX "due_entries_person" ON "due_entries" USING btree ("person_key");--> statement-breakpoint
CREATE INDEX "due_entries_broadcast" ON "due_entries" USING btree ("broadcast_id","due_at") WHERE broadcast_id is not null and fired_at is null;--> statement-breakpoint
CREATE INDEX "occurrences_zone" ON "occurrences" USING btree ("campaign_id","zone","due_at");--> statement-breakpoint
CREATE INDEX "occurrences_due" ON "occurrences" USING btree ("due_at") WHERE state = 'due';--> statement-breakpoint
CREATE INDEX "paused_deliveries_campaign" ON "paused_deliveries" USING btree ("campaign_id");--> statement-breakpoint
CREATE INDEX "conversions_person" ON "conversions" USING btree ("person_key","campaign_id","at");--> statement-breakpoint
CREATE INDEX "conversions_campaign" ON "conversions" USING btree ("campaign_id");--> statement-breakpoint
CREATE INDEX "split_choices_campaign" ON "split_choices" USING btree ("campaign_id","split_id","variant");--> statement-breakpoint
CREATE INDEX "waits_open" ON "waits" USING btree ("person_key") WHERE outcome is null;--> statement-breakpoint
CREATE INDEX "waits_timed" ON "waits" USING btree ("person_key") WHERE outcome is null and timed;--> statement-breakpoint
CREATE INDEX "segment_members_person" ON "segment_members" USING btree ("person_key");--> statement-breakpoint
CREATE INDEX "broadcasts_running" ON "broadcasts" USING btree ("campaign_id") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "campaigns_trigger" ON "campaigns" USING btree ("trigger_type","trigger_name");--> statement-breakpoint
CREATE INDEX "campaigns_exiting" ON "campaigns" USING btree ("id") WHERE exit_before is not null;--> statement-breakpoint
CREATE INDEX "entries_person" ON "entries" USING btree ("person_key");--> statement-breakpoint
CREATE INDEX "outcomes_campaign" ON "outcomes" USING btree ("campaign_id","at");--> statement-breakpoint
CREATE INDEX "outcomes_person" ON "outcomes" USING btree ("person_key","at");--> statement-breakpoint
CREATE INDEX "outcomes_broadcast" ON "outcomes" USING btree ("broadcast_id","outcome") WHERE broadcast_id is not null;--> statement-breakpoint
CREATE INDEX "commands_starts" ON "commands" USING btree ("id") WHERE broadcast_id is not null;--> statement-breakpoint
CREATE INDEX "commands_broadcast" ON "commands" USING btree ("broadcast_id","id") WHERE broadcast_id is not null;--> statement-breakpoint
CREATE INDEX "journeys_goal" ON "journeys" USING btree ("person_key","goal_event") WHERE goal_event is not null;--> statement-breakpoint
CREATE INDEX "journeys_exits" ON "journeys" USING btree ("person_key") WHERE ended_at is null and exit_events <> '{}';--> statement-breakpoint
CREATE INDEX "events_performed" ON "events" USING btree ("person_key","name","timestamp");--> statement-breakpoint
CREATE INDEX "people_timezone" ON "people" USING btree ((attributes ->> 'timezone')) WHERE jsonb_typeof(attributes -> 'timezone') = 'string' and length(attributes ->> 'timezone') <= 64;--> statement-breakpoint
CREATE INDEX "commands_order" ON "commands" USING btree ("lane","id") WHERE broadcast_id is null;--> statement-breakpoint
ALTER TABLE "campaigns" DROP COLUMN "trigger_event";