"""What the tutor says in German when it does not answer."""

from __future__ import annotations

from typing import Final

SENTENCES: Final = {
    "strange": "Diesen Teil der Frage habe ich nicht verstanden: {details}. Raten möchte ich nicht.",
    "too_long": "Diese Frage ist mir zu lang. Bitte nach einer Sache auf einmal fragen.",
    "no_mathematics": "Darin habe ich keine Mathematik gefunden, die ich ausrechnen kann.",
    "no_subject": "Ich weiß nicht, welche Funktion oder Gleichung gemeint ist. Bitte schreib sie hin.",
    "no_demand": "Das habe ich mir gemerkt. Was soll ich damit tun: zeichnen, ableiten, lösen?",
    "no_point": "Ich weiß nicht, für welchen Wert. Bitte schreib ihn dazu, zum Beispiel: für x = 3.",
    "no_range": "Ich weiß nicht, von wo bis wo. Bitte schreib es dazu, zum Beispiel: von 0 bis 3.",
    "left_over": "Die Wörter habe ich verstanden, aber nicht, wie sie zusammengehören; deshalb habe ich nichts"
    " gerechnet.",
    "unable": "Diese Art von Mathematik kann ich nicht.",
    "ambiguous power": "Ich weiß nicht, wie weit der Exponent reicht: e^2x kann e^(2x) oder (e^2)·x bedeuten, x^1/2"
    " kann x^(1/2) oder x/2 bedeuten. Bitte setze Klammern.",
    "ambiguous argument": "Ich weiß nicht, wie weit die Funktion oder die Wurzel reicht. Bitte setze Klammern, zum"
    " Beispiel sin(x/2) oder sqrt(x + 1).",
    "ambiguous index": "x2 kann x^2 oder x_2 bedeuten. Bitte schreib eines davon.",
    "ambiguous log": "log kann den natürlichen Logarithmus oder den zur Basis 10 bedeuten. Bitte schreib ln(x) oder"
    " log10(x).",
    "ambiguous percent": "Eine Zahl plus oder minus Prozent kann zweierlei bedeuten: 100 + 10 % ist 110 oder 100,1."
    " Bitte schreib 100 * 1,1 oder 100 + 0,1.",
    "ambiguous comma": "Ein Komma wie in 1,5 kann eine Zahl oder zwei bedeuten. Bitte schreib 1.5 oder ein"
    " Leerzeichen nach dem Komma.",
    "too_big": "Die Zahlen darin werden zu groß, um sie hier auszurechnen.",
    "parameters": "Dafür brauche ich noch einen Wert für {details}, zum Beispiel: für {details} = 2.",
    "undefined": "Ich weiß nicht, was {details} ist. Bitte schreib es hin, zum Beispiel: {details}(x) = x^2.",
    "several_unknowns": "Hier gibt es mehrere Unbekannte: {details}. Bitte sag, nach welcher ich auflösen soll, oder"
    " gib den anderen Werte.",
    "no_tool": "Ich rechne nur, indem ich Code ausführe, und Code Interpreter ist für diese Anfrage nicht"
    " eingeschaltet.",
    "no_file": "Ich sehe in dieser Unterhaltung keine Datei. Bitte hänge eine csv-Datei an.",
    "no_column": "Ich weiß nicht, welche Spalten gemeint sind. Die Datei hat diese: {details}.",
    "not_numeric": "Die Spalte {details} enthält keine Zahlen.",
    "follow_up": "Ich weiß nicht, was damit nach der letzten Frage gemeint ist. Bitte schreib die ganze Frage.",
    "no_plot": "Es gibt noch kein Diagramm, das ich ändern könnte. Was soll ich zeichnen? Zum Beispiel: zeichne"
    " x^2 in rot.",
    "plot_change": "Ich habe nicht verstanden, was ich am Diagramm ändern soll. Ich kann Kurven dazunehmen und"
    " entfernen,"
    " Farben, Bereich, Titel, Gitter und Legende ändern. Zum Beispiel: zeichne auch x^3; mach es rot; zoome auf 0"
    " bis 2.",
    "which_curve": "Ich weiß nicht, welche Kurve gemeint ist. Das Diagramm zeigt: {details}. Zum Beispiel: färbe"
    " die erste"
    " rot; entferne {last}.",
    "only_curve": "{details} ist die einzige Kurve im Diagramm. Was soll ich stattdessen zeichnen?",
    "both": "Ich kenne hier nur eine Kurve, {details}. Bitte schreib die andere aus, zum Beispiel: zeichne sie mit"
    " y = 2x + 1.",
    "which_numbers": "Ich weiß nicht, nach welcher Spalte. Zahlen stehen in: {details}.",
    "strange_in_table": "Diesen Teil der Frage habe ich nicht verstanden: {details}. Die Datei hat diese Spalten:"
    " {choices}.",
    "nothing to explain": "Auf die letzte Frage habe ich keine Antwort gegeben, also gibt es nichts zu"
    " erklären. {reason}",
    "ask for help": "Mit „Hilfe“ zeige ich, was ich kann.",
    "connect elsewhere": "Ich bin der eingebaute Tutor: kein Sprachmodell, sondern exakte Mathematik und Tabellen."
    " Wenn du"
    " mehr brauchst, bitte die Person, die diesen Bot betreibt, ein Sprachmodell zu verbinden.",
    "failed": "Der Code kam nicht zu Ende, deshalb habe ich kein Ergebnis. {details}",
    "examples": "Zum Beispiel:\n- Löse die Gleichung y = x^2 + 3 für x = 3 und zeichne den Graphen der Funktion.\n-"
    " Was ist die Ableitung von x^3 sin(x)?\n- Ist f(x) = ln(x) auf [1; 5] konkav?",
    "connect": "Ich bin der eingebaute Tutor: kein Sprachmodell, sondern exakte Mathematik. Für alles andere"
    " verbinde ein Sprachmodell mit zwei Zeilen in `.env`:\n\n`OPENAI_BASE_URL=...` (oder"
    " `OPENAI_API_KEY=...`)\n\n`MODEL=...`",
    "hello": "Hallo! Ich bin der eingebaute Mathematik-Tutor. Ich rechne, löse Gleichungen, leite ab, integriere und"
    " zeichne Graphen.",
    "thanks": "Gern geschehen. Frag jederzeit weiter.",
    "goodbye": "Tschüss!",
    "help": "Ich bin der eingebaute Mathematik-Tutor, kein Sprachmodell. Ich rechne, löse Gleichungen,"
    " Gleichungssysteme und Ungleichungen, finde Nullstellen, Extrema, Grenzwerte und Wendepunkte, leite ab,"
    " integriere, zeichne Graphen, mache Wertetabellen und stelle die Daten einer csv-Datei dar.",
}
