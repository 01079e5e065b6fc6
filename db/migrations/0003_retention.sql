CREATE TABLE "namespaces" (
	"current" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"id" text NOT NULL,
	"seen_since" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "campaign_totals" (
	"campaign_id" text NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"state" text NOT NULL,
	"count" bigint NOT NULL,
	CONSTRAINT "campaign_totals_campaign_id_kind_name_state_pk" PRIMARY KEY("campaign_id","kind","name","state")
);
--> statement-breakpoint
CREATE TABLE "purges" (
	"what" text PRIMARY KEY NOT NULL,
	"cursor" text,
	"due_at" timestamp (3) with time zone DEFAULT to_timestamp(0) NOT NULL
);
--> statement-breakpoint
ALTER TABLE "conversions" DROP CONSTRAINT "conversions_journey_id_journeys_id_fk";
--> statement-breakpoint
ALTER TABLE "split_choices" DROP CONSTRAINT "split_choices_journey_id_journeys_id_fk";
--> statement-breakpoint
ALTER TABLE "deliveries" ADD COLUMN "checked_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "split_choices" ADD COLUMN "person_key" text;--> statement-breakpoint
UPDATE "split_choices" SET "person_key" = "journeys"."person_key" FROM "journeys" WHERE "journeys"."id" = "split_choices"."journey_id";--> statement-breakpoint
ALTER TABLE "split_choices" ALTER COLUMN "person_key" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "resends" ADD COLUMN "checked_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "conversions" ADD CONSTRAINT "conversions_person_key_people_key_fk" FOREIGN KEY ("person_key") REFERENCES "public"."people"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "split_choices" ADD CONSTRAINT "split_choices_person_key_people_key_fk" FOREIGN KEY ("person_key") REFERENCES "public"."people"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "due_entries_referring" ON "due_entries" USING btree ("broadcast_id") WHERE broadcast_id is not null;--> statement-breakpoint
CREATE INDEX "deliveries_send" ON "deliveries" USING btree ("send_id") WHERE send_id is not null;--> statement-breakpoint
CREATE INDEX "journeys_event" ON "journeys" USING btree ("event_id") WHERE event_id is not null;--> statement-breakpoint
CREATE INDEX "journeys_broadcast" ON "journeys" USING btree ("broadcast_id") WHERE broadcast_id is not null;--> statement-breakpoint
CREATE INDEX "split_choices_person" ON "split_choices" USING btree ("person_key");--> statement-breakpoint
CREATE INDEX "waits_event" ON "waits" USING btree ("event_id") WHERE event_id is not null;