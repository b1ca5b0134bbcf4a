-- A statement that began before a /forget ended sees no digest, and the message's row is gone when it adds its own.
-- After the statement each query of this function sees what others have committed by then.
CREATE FUNCTION refuse_forgotten_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM teamsbot.forgotten_messages
        WHERE digest = sha256(convert_to(NEW.conversation || chr(31) || NEW.message_id, 'UTF8'))
            AND forgotten_at >= now() - interval '7 days'
    ) THEN
        RAISE EXCEPTION 'a message was forgotten meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER refuse_forgotten_message AFTER INSERT ON messages
FOR EACH ROW EXECUTE FUNCTION refuse_forgotten_message();
