CREATE TABLE feedback (                         -- what people think of answers; kept until it is forgotten
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation text NOT NULL,
    message_id text NOT NULL,                   -- of the bot's message
    person text NOT NULL,                       -- a hash
    turn bigint NOT NULL,
    reaction text NOT NULL,                     -- like or dislike
    comment text NOT NULL,
    given_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (conversation, message_id, person)   -- a later opinion takes the place of an earlier one
);
