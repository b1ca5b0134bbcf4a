"""What the tutor says in German of traits of whole functions."""

from __future__ import annotations

from typing import Final

SENTENCES: Final = {
    "domain": "{what} ist definiert für **{values}**.",
    "domain everywhere": "{what} ist **für jedes {variable}** definiert.",
    "domain except": "{what} ist **für jedes {variable} außer {gaps}** definiert.",
    "domain nowhere": "{what} ist **für keine reelle Zahl** definiert.",
    "domain unsolved": "{what} ist definiert, wo **{conditions}**.",
    "domain because": "Die Formel hat einen Wert, wo {conditions}.",
    "values": "{what} nimmt die Werte **{values}** an.",
    "all values": "{what} nimmt **jeden reellen Wert** an.",
    "values unknown": "Ich konnte nicht sicher herausfinden, welche Werte {what} annimmt.",
    "is even": "{what} ist **gerade**: −{variable} ergibt denselben Wert wie {variable}; der Graph ist"
    " achsensymmetrisch"
    " zur senkrechten Achse.",
    "is odd": "{what} ist **ungerade**: −{variable} ergibt das Negative des Wertes bei {variable}; der Graph ist"
    " punktsymmetrisch zum Ursprung.",
    "is neither even nor odd": "{what} ist **weder gerade noch ungerade**: −{variable} anstelle von {variable} ergibt"
    " {mirrored}, und das ist weder die Funktion noch ihr Negatives.",
    "other axis": "Symmetrisch ist ihr Graph trotzdem, zur Geraden **{variable} = {at}**.",
    "other center": "Symmetrisch ist ihr Graph trotzdem, zum Punkt **{point}**.",
    "perhaps other symmetry": "Nach Symmetrie zu einer anderen Geraden oder einem anderen Punkt habe ich nicht"
    " gesucht.",
    "parity unknown": "Ich konnte nicht sicher herausfinden, ob {what} gerade oder ungerade ist.",
    "inverse": "**Ja**, {what} hat eine Umkehrfunktion: **y = {value}**, für jedes {variable}, das die Funktion als"
    " Wert"
    " annimmt.",
    "no inverse": "{what} hat auf dem ganzen Definitionsbereich **keine Umkehrfunktion**: Sie steigt und fällt und"
    " nimmt"
    " manche Werte mehrmals an.",
    "periodic without inverse": "{what} hat auf dem ganzen Definitionsbereich **keine Umkehrfunktion**: Sie wiederholt"
    " sich und nimmt jeden Wert mehrmals an.",
    "branches": "Auf einem Stück, wo sie nur steigt oder nur fällt, ist die Umkehrfunktion {values}.",
    "inverse without formula": "**Ja**, {what} hat eine Umkehrfunktion, da sie nur steigt oder nur fällt; eine Formel"
    " dafür habe ich nicht gefunden.",
    "inverse unknown": "Ich konnte nicht sicher herausfinden, ob {what} eine Umkehrfunktion hat.",
    "vertical asymptote": "{what} hat die senkrechte Asymptote **{values}**.",
    "vertical asymptotes": "{what} hat senkrechte Asymptoten bei **{values}**.",
    "horizontal asymptote": "{what} hat die waagrechte Asymptote **y = {value}**{where}.",
    "slant asymptote": "{what} hat die schiefe Asymptote **y = {value}**{where}.",
    "far right": " für {variable} → ∞",
    "far left": " für {variable} → −∞",
    "no asymptotes": "{what} hat **keine Asymptoten**.",
    "asymptotes unknown": "Ich konnte die Asymptoten von {what} nicht sicher finden.",
    "period": "Die Periode von {what} ist **{value}**.",
    "never repeats": "{what} ist **nicht periodisch**.",
    "period unknown": "Ich habe keine Periode von {what} gefunden.",
    "how normal": "nimmt er die Steigung der Kurve im Punkt und legt eine Gerade im rechten Winkel hindurch",
    "how domain": "stellt er zusammen, was jeder Nenner, jede Wurzel und jeder Logarithmus verlangt, löst das auf und"
    " prüft es an 601 Stellen",
    "how values": "vergleicht er die Höhen an den Wendestellen des Anstiegs, an Lücken und weit draußen und prüft das"
    " Ergebnis an vielen Stellen",
    "how parity": "setzt er die Gegenzahl ein und vergleicht, mit Formeln und mit 400 Zahlen",
    "how inverse": "sieht er nach, wo die Funktion steigt und fällt, löst nach der Variablen auf und prüft mit Zahlen,"
    " dass dies zurückführt",
    "how asymptotes": "bildet er Grenzwerte neben den Lücken und weit draußen und prüft sie mit Zahlen",
    "how period": "sucht er das kürzeste Stück, nach dem sich die Werte wiederholen, und prüft es mit 500 Zahlen",
}
