CREATE TABLE "broadcasts" (
	"id" text PRIMARY KEY NOT NULL,
	"campaign_id" text NOT NULL,
	"version" integer NOT NULL,
	"request_id" text,
	"request_hash" text NOT NULL,
	"data" jsonb NOT NULL,
	"selected" integer NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "campaign_versions" (
	"campaign_id" text NOT NULL,
	"version" integer NOT NULL,
	"definition" json NOT NULL,
	"plan" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	CONSTRAINT "campaign_versions_campaign_id_version_pk" PRIMARY KEY("campaign_id","version")
);
--> statement-breakpoint
CREATE TABLE "campaigns" (
	"id" text PRIMARY KEY NOT NULL,
	"state" text NOT NULL,
	"version" integer NOT NULL,
	"trigger_event" text,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "entries" (
	"campaign_id" text NOT NULL,
	"person_key" text NOT NULL,
	"cause" text NOT NULL,
	"once" boolean NOT NULL,
	"journey_id" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	CONSTRAINT "entries_campaign_id_person_key_cause_pk" PRIMARY KEY("campaign_id","person_key","cause")
);
--> statement-breakpoint
CREATE TABLE "outcomes" (
	"cause" text NOT NULL,
	"campaign_id" text NOT NULL,
	"person_key" text NOT NULL,
	"version" integer NOT NULL,
	"outcome" text NOT NULL,
	"reason" text NOT NULL,
	"values" jsonb NOT NULL,
	"journey_id" text,
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "outcomes_cause_campaign_id_person_key_pk" PRIMARY KEY("cause","campaign_id","person_key")
);
--> statement-breakpoint
CREATE TABLE "attempts" (
	"id" text PRIMARY KEY NOT NULL,
	"delivery_id" text NOT NULL,
	"number" integer NOT NULL,
	"destination" text NOT NULL,
	"in_flight_until" timestamp (3) with time zone NOT NULL,
	"trigger" text NOT NULL,
	"class" text NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"duration_ms" integer,
	"phases" jsonb,
	"status" integer,
	"error" jsonb,
	"response_headers" jsonb,
	"response_body" "bytea",
	"truncated" boolean DEFAULT false NOT NULL,
	"next_attempt_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "deliveries" (
	"id" text PRIMARY KEY NOT NULL,
	"person_key" text NOT NULL,
	"journey_id" text,
	"campaign_id" text,
	"step_id" text,
	"webhook_id" text,
	"send_id" text,
	"version" integer,
	"state" text NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	"destination" text,
	"host" text,
	"frozen" "bytea",
	"request" jsonb,
	"edited" json,
	"missing" jsonb NOT NULL,
	"mapping" jsonb NOT NULL,
	"answer" "bytea",
	"error" jsonb,
	"expires_at" timestamp (3) with time zone,
	"decision" jsonb,
	"timeout_ms" integer NOT NULL,
	"first_attempt_at" timestamp (3) with time zone,
	"next_attempt_at" timestamp (3) with time zone,
	"parked_ms" bigint DEFAULT 0 NOT NULL,
	"sent_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "secrets" (
	"name" text PRIMARY KEY NOT NULL,
	"value" "bytea" NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signing_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"secret" "bytea" NOT NULL,
	"active_from" timestamp (3) with time zone NOT NULL,
	"retires_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "destinations" (
	"origin" text PRIMARY KEY NOT NULL,
	"id" text NOT NULL,
	"shown" text NOT NULL,
	"open_until" timestamp (3) with time zone,
	"openings" integer DEFAULT 0 NOT NULL,
	"probe" text,
	"probe_until" timestamp (3) with time zone,
	"closed_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	CONSTRAINT "destinations_id_unique" UNIQUE("id")
);
--> statement-breakpoint
CREATE TABLE "parked" (
	"delivery_id" text PRIMARY KEY NOT NULL,
	"destination" text NOT NULL,
	"workflow_id" text NOT NULL,
	"reason" text NOT NULL,
	"since" timestamp (3) with time zone NOT NULL,
	"due_at" timestamp (3) with time zone,
	"released_until" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "rate_slots" (
	"webhook" text NOT NULL,
	"destination" text NOT NULL,
	"next_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "rate_slots_webhook_destination_pk" PRIMARY KEY("webhook","destination")
);
--> statement-breakpoint
CREATE TABLE "job_items" (
	"job_id" text NOT NULL,
	"delivery_id" text NOT NULL,
	"code" text,
	CONSTRAINT "job_items_job_id_delivery_id_pk" PRIMARY KEY("job_id","delivery_id")
);
--> statement-breakpoint
CREATE TABLE "jobs" (
	"id" text PRIMARY KEY NOT NULL,
	"task" jsonb NOT NULL,
	"by" jsonb NOT NULL,
	"matched" integer NOT NULL,
	"decided" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	"ended_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "commands" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "commands_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"workflow_id" text NOT NULL,
	"command" jsonb NOT NULL,
	"lane" integer DEFAULT 0 NOT NULL,
	"tries" integer DEFAULT 0 NOT NULL,
	"leased_until" timestamp (3) with time zone,
	"error" text,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "journey_log" (
	"journey_id" text NOT NULL,
	"step" text NOT NULL,
	"what" text NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	"details" jsonb NOT NULL,
	"result" jsonb,
	"at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "journey_log_journey_id_step_what_revision_pk" PRIMARY KEY("journey_id","step","what","revision")
);
--> statement-breakpoint
CREATE TABLE "journeys" (
	"id" text PRIMARY KEY NOT NULL,
	"campaign_id" text NOT NULL,
	"version" integer NOT NULL,
	"person_key" text NOT NULL,
	"event_id" text,
	"broadcast_id" text,
	"run" integer DEFAULT 1 NOT NULL,
	"state" text NOT NULL,
	"step_id" text,
	"step_type" text,
	"step_since" timestamp (3) with time zone,
	"step_until" timestamp (3) with time zone,
	"reason" text,
	"stuck_since" timestamp (3) with time zone,
	"stuck_by" text,
	"stuck_reason" text,
	"checked_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	"ended_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "attribute_changes" (
	"person_key" text NOT NULL,
	"number" bigint NOT NULL,
	"at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	"cause" jsonb NOT NULL,
	"changes" jsonb NOT NULL,
	CONSTRAINT "attribute_changes_person_key_number_pk" PRIMARY KEY("person_key","number")
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" text PRIMARY KEY NOT NULL,
	"person_key" text NOT NULL,
	"number" bigint NOT NULL,
	"name" text NOT NULL,
	"data" jsonb NOT NULL,
	"timestamp" timestamp (3) with time zone NOT NULL,
	"received_at" timestamp (3) with time zone NOT NULL,
	"backfill" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE TABLE "inbox" (
	"person_key" text NOT NULL,
	"number" bigint NOT NULL,
	"type" text NOT NULL,
	"subject" text NOT NULL,
	CONSTRAINT "inbox_person_key_number_pk" PRIMARY KEY("person_key","number")
);
--> statement-breakpoint
CREATE TABLE "people" (
	"key" text PRIMARY KEY NOT NULL,
	"id" text NOT NULL,
	"attributes" jsonb NOT NULL,
	"suppressed" boolean DEFAULT false NOT NULL,
	"last_number" bigint DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	CONSTRAINT "people_id_unique" UNIQUE("id")
);
--> statement-breakpoint
CREATE TABLE "waiting" (
	"person_key" text PRIMARY KEY NOT NULL,
	"lane" integer NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "resends" (
	"id" text PRIMARY KEY NOT NULL,
	"delivery_id" text NOT NULL,
	"by" jsonb NOT NULL,
	"reason" text,
	"retry" boolean NOT NULL,
	"attempts_before" integer NOT NULL,
	"first_attempt_at" timestamp (3) with time zone,
	"next_attempt_at" timestamp (3) with time zone,
	"parked_ms" bigint DEFAULT 0 NOT NULL,
	"error" jsonb,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	"ended_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "test_sends" (
	"id" text PRIMARY KEY NOT NULL,
	"job" "bytea" NOT NULL,
	"claimed_at" timestamp (3) with time zone,
	"outcome" "bytea",
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sends" (
	"id" text PRIMARY KEY NOT NULL,
	"webhook_id" text NOT NULL,
	"request_id" text,
	"request_hash" text NOT NULL,
	"data" jsonb NOT NULL,
	"deliveries" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "webhook_versions" (
	"webhook_id" text NOT NULL,
	"version" integer NOT NULL,
	"definition" json NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	CONSTRAINT "webhook_versions_webhook_id_version_pk" PRIMARY KEY("webhook_id","version")
);
--> statement-breakpoint
CREATE TABLE "webhooks" (
	"id" text PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"deleted_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT statement_timestamp() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "broadcasts" ADD CONSTRAINT "broadcasts_campaign_id_campaigns_id_fk" FOREIGN KEY ("campaign_id") REFERENCES "public"."campaigns"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "campaign_versions" ADD CONSTRAINT "campaign_versions_campaign_id_campaigns_id_fk" FOREIGN KEY ("campaign_id") REFERENCES "public"."campaigns"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "entries" ADD CONSTRAINT "entries_person_key_people_key_fk" FOREIGN KEY ("person_key") REFERENCES "public"."people"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "outcomes" ADD CONSTRAINT "outcomes_person_key_people_key_fk" FOREIGN KEY ("person_key") REFERENCES "public"."people"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "attempts" ADD CONSTRAINT "attempts_delivery_id_deliveries_id_fk" FOREIGN KEY ("delivery_id") REFERENCES "public"."deliveries"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_person_key_people_key_fk" FOREIGN KEY ("person_key") REFERENCES "public"."people"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_journey_id_journeys_id_fk" FOREIGN KEY ("journey_id") REFERENCES "public"."journeys"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_send_id_sends_id_fk" FOREIGN KEY ("send_id") REFERENCES "public"."sends"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "parked" ADD CONSTRAINT "parked_delivery_id_deliveries_id_fk" FOREIGN KEY ("delivery_id") REFERENCES "public"."deliveries"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "job_items" ADD CONSTRAINT "job_items_job_id_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."jobs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "journey_log" ADD CONSTRAINT "journey_log_journey_id_journeys_id_fk" FOREIGN KEY ("journey_id") REFERENCES "public"."journeys"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "journeys" ADD CONSTRAINT "journeys_person_key_people_key_fk" FOREIGN KEY ("person_key") REFERENCES "public"."people"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "journeys" ADD CONSTRAINT "journeys_event_id_events_id_fk" FOREIGN KEY ("event_id") REFERENCES "public"."events"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "journeys" ADD CONSTRAINT "journeys_broadcast_id_broadcasts_id_fk" FOREIGN KEY ("broadcast_id") REFERENCES "public"."broadcasts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "attribute_changes" ADD CONSTRAINT "attribute_changes_person_key_people_key_fk" FOREIGN KEY ("person_key") REFERENCES "public"."people"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "events" ADD CONSTRAINT "events_person_key_people_key_fk" FOREIGN KEY ("person_key") REFERENCES "public"."people"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "inbox" ADD CONSTRAINT "inbox_person_key_people_key_fk" FOREIGN KEY ("person_key") REFERENCES "public"."people"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "waiting" ADD CONSTRAINT "waiting_person_key_people_key_fk" FOREIGN KEY ("person_key") REFERENCES "public"."people"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "resends" ADD CONSTRAINT "resends_delivery_id_deliveries_id_fk" FOREIGN KEY ("delivery_id") REFERENCES "public"."deliveries"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sends" ADD CONSTRAINT "sends_webhook_id_webhooks_id_fk" FOREIGN KEY ("webhook_id") REFERENCES "public"."webhooks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_versions" ADD CONSTRAINT "webhook_versions_webhook_id_webhooks_id_fk" FOREIGN KEY ("webhook_id") REFERENCES "public"."webhooks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "broadcasts_request" ON "broadcasts" USING btree ("campaign_id","request_id");--> statement-breakpoint
CREATE INDEX "campaigns_trigger_event" ON "campaigns" USING btree ("trigger_event");--> statement-breakpoint
CREATE UNIQUE INDEX "entries_once" ON "entries" USING btree ("campaign_id","person_key") WHERE once;--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_number" ON "attempts" USING btree ("delivery_id","number");--> statement-breakpoint
CREATE INDEX "attempts_destination" ON "attempts" USING btree ("destination","started_at");--> statement-breakpoint
CREATE INDEX "attempts_in_flight" ON "attempts" USING btree ("destination") WHERE class = 'started';--> statement-breakpoint
CREATE UNIQUE INDEX "deliveries_step" ON "deliveries" USING btree ("journey_id","step_id");--> statement-breakpoint
CREATE INDEX "deliveries_person" ON "deliveries" USING btree ("person_key","id");--> statement-breakpoint
CREATE INDEX "deliveries_campaign" ON "deliveries" USING btree ("campaign_id","id");--> statement-breakpoint
CREATE INDEX "deliveries_webhook" ON "deliveries" USING btree ("webhook_id","id") WHERE webhook_id is not null;--> statement-breakpoint
CREATE INDEX "deliveries_state" ON "deliveries" USING btree ("state","id");--> statement-breakpoint
CREATE INDEX "deliveries_expiry" ON "deliveries" USING btree ("expires_at") WHERE state = 'drafted';--> statement-breakpoint
CREATE INDEX "deliveries_host" ON "deliveries" USING btree ("host","id");--> statement-breakpoint
CREATE INDEX "parked_in_turn" ON "parked" USING btree ("destination","since","delivery_id") WHERE released_until is null and reason <> 'rateLimit';--> statement-breakpoint
CREATE INDEX "parked_by_time" ON "parked" USING btree ("destination","due_at") WHERE released_until is null and reason = 'rateLimit';--> statement-breakpoint
CREATE INDEX "parked_told" ON "parked" USING btree ("destination","released_until") WHERE released_until is not null;--> statement-breakpoint
CREATE INDEX "jobs_open" ON "jobs" USING btree ("id") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "commands_order" ON "commands" USING btree ("lane","id");--> statement-breakpoint
CREATE INDEX "commands_workflow" ON "commands" USING btree ("workflow_id","id");--> statement-breakpoint
CREATE INDEX "journeys_campaign" ON "journeys" USING btree ("campaign_id","id");--> statement-breakpoint
CREATE INDEX "journeys_person" ON "journeys" USING btree ("person_key","id");--> statement-breakpoint
CREATE INDEX "journeys_active" ON "journeys" USING btree ("campaign_id","person_key") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "journeys_running" ON "journeys" USING btree ("id") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "journeys_stuck" ON "journeys" USING btree ("id") WHERE ended_at is null and stuck_since is not null;--> statement-breakpoint
CREATE INDEX "events_person" ON "events" USING btree ("person_key","number");--> statement-breakpoint
CREATE INDEX "events_timeline" ON "events" USING btree ("person_key","received_at");--> statement-breakpoint
CREATE INDEX "waiting_order" ON "waiting" USING btree ("lane","due_at");--> statement-breakpoint
CREATE INDEX "resends_delivery" ON "resends" USING btree ("delivery_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "resends_open" ON "resends" USING btree ("delivery_id") WHERE ended_at is null;--> statement-breakpoint
CREATE UNIQUE INDEX "sends_request" ON "sends" USING btree ("webhook_id","request_id");